"""What waits for a broker that is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.loop import Loop
from hasip.mqtt import client as module
from hasip.mqtt.client import MqttClient
from hasip.mqtt.connection import Outgoing
from hasip.mqtt.topics import Topics
from hasip.settings.model import Mqtt
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest


def test_events_give_way_and_states_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that is dropped would be wrong in Home Assistant until the next connection."""
    monkeypatch.setattr(module, "MOST_WAITING", 4)
    client = MqttClient(
        Loop(FakeClock()),
        Topics(Mqtt()),
        hear=lambda _: None,
        on_connected=lambda: None,
        on_refused=lambda: None,
    )
    client._is_connected = True  # only just: nothing is handed over yet
    client.show("hasip/x/state", b"idle")
    for number in range(5):
        client.send(Outgoing(topic="hasip/state", payload=b"%d" % number))

    waiting = [(one.topic, one.payload) for one in client._waiting]
    assert waiting == [
        ("hasip/x/state", b"idle"),
        *(("hasip/state", b"%d" % number) for number in (2, 3, 4)),
    ]
