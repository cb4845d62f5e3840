"""What waits for a broker that is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.loop import Loop
from hasip.mqtt import client as module
from hasip.mqtt.client import MqttClient
from hasip.mqtt.connection import Connection, Outgoing
from hasip.mqtt.topics import Topics
from hasip.settings.model import Mqtt
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest


def make_client() -> MqttClient:
    client = MqttClient(
        Loop(FakeClock()),
        Topics(Mqtt()),
        hear=lambda _: None,
        on_connected=lambda: None,
        on_refused=lambda: None,
    )
    client.subscribe("hasip/execute", "hasip/home/execute")
    return client


def test_events_give_way_and_states_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that is dropped would be wrong in Home Assistant until the next connection."""
    monkeypatch.setattr(module, "MOST_WAITING", 4)
    client = make_client()
    client._is_connected = True  # only just: nothing is handed over yet
    client.show("hasip/x/state", b"idle")
    for number in range(5):
        client.send(Outgoing(topic="hasip/state", payload=b"%d" % number))

    waiting = [(one.topic, one.payload) for one in client._waiting]
    assert waiting == [
        ("hasip/x/state", b"idle"),
        *(("hasip/state", b"%d" % number) for number in (2, 3, 4)),
    ]


def test_connected_is_said_when_commands_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for the line and publishes then must not be too early for the subscription."""
    caplog.set_level(logging.INFO)
    client = make_client()
    client.on_connected()
    assert "MQTT: connected" not in caplog.text

    client.on_subscribed({"hasip/execute": None})
    client.on_subscribed({"homeassistant/status": None})
    assert caplog.text.count("MQTT: connected") == 1

    client.on_lost("gone")
    client.on_connected()
    client.on_subscribed({"hasip/execute": "Not authorized"})
    assert "does not let us listen on hasip/execute: Not authorized" in caplog.text
    assert caplog.text.count("MQTT: connected") == 2


def test_who_asks_for_our_health_while_a_connection_is_begun_hears_no_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The question comes on a thread of its own, at any time."""
    client = make_client()
    answers: list[bool] = []

    def start(self: Connection, will: Outgoing) -> None:
        del self, will
        answers.append(client.is_well)

    monkeypatch.setattr(Connection, "start", start)
    client.start(Mqtt(address="127.0.0.1"))
    client.close()

    assert answers == [True]
