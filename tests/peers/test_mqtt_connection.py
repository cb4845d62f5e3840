"""How the gateway comes to a broker and stays there: TLS, versions, names, bounds."""

from __future__ import annotations

import json
import signal
import ssl
from typing import TYPE_CHECKING

import pytest

from support.certificates import Authority
from support.gateway import GatewayProcess
from support.health import health
from support.mosquitto import Mosquitto, MqttUser
from support.old_broker import OldBroker
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = "hasip/#"
waiting = Together(ahead=True)


def at(port: int, **settings: str) -> dict[str, str]:
    """Return the settings for a broker on this machine."""
    return {
        "COMMAND_SOURCE": "mqtt",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(port),
        "INSTANCE_NAME": "home",
        **settings,
    }


def test_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.sign("house")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(certificate, key)
    files = {
        "BROKER_CA_FILE": str(authority.certificate),
        "BROKER_CERT_FILE": str(certificate),
        "BROKER_KEY_FILE": str(key),
    }
    with (
        Mosquitto(tmp_path, authority=authority) as broker,
        MqttUser(broker.port, EVERYTHING, tls=context) as home,
        GatewayProcess(tmp_path, **at(broker.port, **files)) as gateway,
    ):
        gateway.wait_log("MQTT: connected to 127.0.0.1:")
        home.publish("hasip/execute", {"command": "hangup", "number": "1"})
        assert "no active call" in home.wait_event("command_failed")["error"]


def test_a_broker_that_is_not_trusted_is_told_nothing(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "stranger")
    certificate, key = stranger.sign("house")
    with Mosquitto(tmp_path, authority=authority) as broker:
        with GatewayProcess(tmp_path, **at(broker.port, BROKER_TLS="on")) as gateway:
            said = gateway.wait_log("MQTT: no broker answers at 127.0.0.1:")
            assert (
                "its certificate is not trusted: self-signed certificate in certificate chain"
                in said
            )
        files = {
            "BROKER_CA_FILE": str(authority.certificate),
            "BROKER_CERT_FILE": str(certificate),
            "BROKER_KEY_FILE": str(key),
        }
        with GatewayProcess(tmp_path, **at(broker.port, **files)) as gateway:
            said = gateway.wait_log("refused us")
            assert "[SSL: TLSV1_ALERT" in said
        with GatewayProcess(tmp_path, **at(broker.port)) as gateway:  # TLS is off
            gateway.wait_log("MQTT: the broker at 127.0.0.1:")

        assert "ha-sip-home" not in broker.log.read_text()  # no CONNECT was ever read


@pytest.mark.parametrize("answers", [True, False])
def test_a_broker_of_mqtt_3_1_1_is_spoken_to_in_its_version(
    tmp_path: Path, *, answers: bool
) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        OldBroker(broker.address, answers=answers) as old,
        MqttUser(broker.port, EVERYTHING) as home,
        GatewayProcess(tmp_path, **at(old.port)) as gateway,
    ):
        gateway.wait_log("does not take MQTT 5")
        gateway.wait_log("(MQTT 3.1.1), commands on hasip/execute, hasip/home/execute")
        home.publish("hasip/home/execute", {"command": "hangup", "number": "1"})
        home.wait_event("command_failed")

        assert old.versions == ([5, 4] if answers else [5, 5, 4])
        assert "as ha-sip-home (p2" in broker.log.read_text()


def test_two_gateways_at_one_broker(tmp_path: Path) -> None:
    """A command is for all or for one; who an event is from is told; who dies is known."""
    for name in ("cellar", "attic"):
        (tmp_path / name).mkdir()

    def gateway(name: str) -> GatewayProcess:
        return GatewayProcess(tmp_path / name, **at(broker.port, INSTANCE_NAME=name))

    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, EVERYTHING) as home,
        gateway("attic") as attic,
    ):
        with gateway("cellar") as cellar:
            for name in ("cellar", "attic"):
                home.wait_on(f"hasip/{name}/availability", b"online")
            home.publish("hasip/attic/execute", {"command": "hangup", "number": "1"})
            assert home.wait_event("command_failed")["instance"] == "attic"
            home.publish("hasip/execute", {"command": "state"})
            for one in (attic, cellar):
                one.wait_log("No active calls.")
            assert not any("hangup" in line for line in cellar.own_lines)
            cellar.kill()
        home.wait_on("hasip/cellar/availability", b"offline")
        with gateway("cellar"):
            home.wait_on("hasip/cellar/availability", b"online")
        home.publish("hasip/attic/execute", {"command": "quit"})
        home.wait_on("hasip/attic/availability", b"offline")
        assert attic.wait_exit() == 0


def test_what_does_not_fit_is_dropped_the_oldest_first_and_counted(tmp_path: Path) -> None:
    commands = [{"command": "hangup", "number": str(number)} for number in range(1_100)]
    with Mosquitto(tmp_path) as broker:
        broker.stop()
        settings = at(broker.port, COMMAND_SOURCE="stdin", MQTT_ENABLED="on")
        with GatewayProcess(tmp_path, **settings) as gateway:
            gateway.wait_log("MQTT: no broker answers at")
            gateway.write("".join(json.dumps(command) + "\n" for command in commands).encode())
            gateway.wait_log("hangup 1099 failed")
            gateway.signal(signal.SIGSTOP)  # else it could be quicker than the listener
            broker.start()
            with MqttUser(broker.port, EVERYTHING) as home:
                gateway.signal(signal.SIGCONT)
                gateway.wait_log(
                    "MQTT: 100 messages were dropped, since the broker was away or slow", 40
                )
                wait_until(lambda: len(home.on("hasip/state")) >= 1_000, "1,000 events", 30)
                numbers = [json.loads(event)["number"] for event in home.on("hasip/state")]
                assert numbers == [str(number) for number in range(100, 1_100)]


def test_what_the_broker_does_not_allow_is_named(tmp_path: Path) -> None:
    """An older set-up may allow the two topics of the settings only: these go on to work."""
    rights = ["user ha-sip", "topic read hasip/execute", "topic write hasip/state"]
    rights += ["user home", "topic readwrite #"]
    users = {"ha-sip": "secret", "home": "secret"}
    with (
        Mosquitto(tmp_path, users=users, rights=rights) as broker,
        MqttUser(broker.port, EVERYTHING, "home", "secret") as home,
        GatewayProcess(
            tmp_path, **at(broker.port, BROKER_USERNAME="ha-sip", BROKER_PASSWORD="secret")
        ) as gateway,
    ):
        gateway.wait_log("MQTT: connected")
        for number in range(10):
            hangup = {"command": "hangup", "number": str(number), "request_id": "q"}
            home.publish("hasip/execute", hangup)
        wait_until(lambda: len(home.on("hasip/state")) == 10, "ten events", 20)

        said = [line for line in gateway.own_lines if "does not let us publish" in line]
        assert len(said) == 1
        assert "on hasip/home/availability: Not authorized; allow hasip/home/# to us" in said[0]
        numbers = [json.loads(event)["number"] for event in home.on("hasip/state")]
        assert numbers == [str(number) for number in range(10)]  # none twice
        lost = [line for line in gateway.own_lines if "was lost" in line]
        print(f"connections that the broker ended: {len(lost)}")
        assert len(lost) <= 3


def test_health_stays_green_while_the_broker_is_away(tmp_path: Path) -> None:
    """To start again would help nobody; that the connection is looked after is what counts."""
    path = tmp_path / "health"
    with (
        Mosquitto(tmp_path) as broker,
        GatewayProcess(tmp_path, HASIP_HEALTH_SOCKET=str(path), **at(broker.port)) as gateway,
    ):
        gateway.wait_log("MQTT: connected")
        assert health(path) == (0, "ok")
        broker.stop()
        gateway.wait_log("MQTT: no broker answers")
        assert health(path) == (0, "ok")


def numbers(home: MqttUser) -> list[str]:
    return [message["number"] for message in home.messages]


@waiting
def test_a_broker_that_hangs_is_left_and_nothing_is_lost(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    settings = at(broker.port, COMMAND_SOURCE="stdin", MQTT_ENABLED="on")
    with (
        broker,
        MqttUser(broker.port, "hasip/state") as home,
        GatewayProcess(tmp_path, **settings) as gateway,
    ):
        gateway.wait_log("MQTT: connected")
        broker.signal(signal.SIGSTOP)
        for number in range(3):
            gateway.command({"command": "hangup", "number": str(number)})
        gateway.wait_log("was lost: Keep alive timeout", 45)
        gateway.command({"command": "hangup", "number": "3"})
        gateway.wait_log("hangup 3 failed")
        since = len(gateway.lines)
        broker.signal(signal.SIGCONT)
        gateway.wait_log("MQTT: connected", 40, since=since)
        # What it had not read when it hung may come from the old connection and from the new one.
        wait_until(lambda: "3" in numbers(home), lambda: f"the last event; {home.messages}", 20)

        assert list(dict.fromkeys(numbers(home))) == ["0", "1", "2", "3"]
        assert not any("without an answer" in line for line in gateway.lines[:since])
