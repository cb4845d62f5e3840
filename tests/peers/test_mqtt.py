"""Commands and events by a real broker."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS, EVENTS = "hasip/execute", "hasip/state"


def by_mqtt(broker: Mosquitto) -> dict[str, str]:
    """Return the settings of the user's document for the stand-alone mode."""
    return {
        "COMMAND_SOURCE": "mqtt",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(broker.port),
        "BROKER_USERNAME": "house",
        "BROKER_PASSWORD": "broker-secret",
    }


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, users={"house": "broker-secret"}) as broker:
        yield broker


def user(broker: Mosquitto, topic: str = EVENTS) -> MqttUser:
    """Return somebody who listens to the broker."""
    return MqttUser(broker.port, topic, "house", "broker-secret")


def test_a_command_comes_by_the_command_topic_and_events_go_to_the_state_topic(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with (
        user(broker) as home,
        GatewayProcess(tmp_path, **by_mqtt(broker)) as gateway,
        Phone("p") as phone,
    ):
        gateway.wait_log("MQTT: connected to 127.0.0.1:")
        home.publish(COMMANDS, {"command": "dial", "number": phone.uri, "request_id": "q"})
        call = phone.wait_call().wait_answered()
        assert home.wait_event("outgoing_call_initiated")["request_id"] == "q"
        home.wait_event("call_established")
        home.publish(COMMANDS, b"no json")
        assert "Could not deserialize JSON" in home.wait_event("command_failed")["error"]
        gateway.command({"command": "hangup", "number": phone.uri})  # stdin is not read
        assert not call.is_ended.is_set()
        home.publish(COMMANDS, {"command": "quit"})
        assert gateway.wait_exit() == 0
        call.wait_ended()

        assert home.wait_event("call_disconnected")["sip_code"] == 200
        assert "broker-secret" not in "\n".join(gateway.lines)


def test_a_retained_command_is_ignored(tmp_path: Path, broker: Mosquitto) -> None:
    with user(broker) as home, Phone("p") as phone:
        home.publish(COMMANDS, {"command": "dial", "number": phone.uri}, retain=True)
        with GatewayProcess(tmp_path, **by_mqtt(broker)) as gateway:
            gateway.wait_log(f"MQTT: a retained message on {COMMANDS} is ignored")
            home.publish(COMMANDS, {"command": "state"})
            gateway.wait_log("No active calls.")


def test_a_broker_that_is_away_loses_no_event(tmp_path: Path, broker: Mosquitto) -> None:
    broker.stop()
    with GatewayProcess(tmp_path, menu_file={}, **by_mqtt(broker)) as gateway, Phone("p") as phone:
        gateway.wait_log("MQTT: no broker answers at 127.0.0.1:")
        call = phone.call(gateway.uri).wait_answered()
        gateway.wait_log("CallEstablished")
        call.hang_up()
        gateway.wait_log("Removing call with id")
        gateway.signal(signal.SIGSTOP)  # else its events could be there before the listener
        broker.start()
        with user(broker) as home:
            gateway.signal(signal.SIGCONT)
            for event in ("incoming_call", "call_established", "call_disconnected"):
                home.wait_event(event, 30)
            names = [message["event"] for message in home.messages]
            assert names == ["incoming_call", "call_established", "call_disconnected"]

        gateway.wait_log("MQTT: connected")  # which may be written after the events were sent
        since = len(gateway.lines)
        broker.stop()
        gateway.wait_log("MQTT: the connection to 127.0.0.1:", since=since)
        broker.start()
        gateway.wait_log("MQTT: connected", 40, since=since)
        with user(broker) as home:
            home.publish(COMMANDS, {"command": "dial", "number": phone.uri})
            phone.wait_call().wait_answered()


def test_mqtt_beside_stdin_with_topics_of_ones_own(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "my/events") as home,
        GatewayProcess(
            tmp_path,
            GLOBAL_OPTIONS=f"--bind-address 127.0.0.1 --enable-mqtt on --mqtt-address 127.0.0.1 "
            f"--mqtt-port {broker.port} --mqtt-topic my/commands --mqtt-state-topic my/events",
        ) as gateway,
        Phone("p") as phone,
    ):
        gateway.wait_log("commands on my/commands")
        gateway.command({"command": "dial", "number": phone.uri})
        phone.wait_call().wait_answered()
        home.wait_event("call_established")
        home.publish("my/commands", {"command": "hangup", "number": "p"})
        home.wait_event("call_disconnected")


def test_a_wrong_password_is_said(tmp_path: Path, broker: Mosquitto) -> None:
    settings = {**by_mqtt(broker), "BROKER_PASSWORD": "wrong-secret"}
    with GatewayProcess(tmp_path, **settings) as gateway:
        gateway.wait_log("refused us: Not authorized")
        assert "wrong-secret" not in "\n".join(gateway.lines)
