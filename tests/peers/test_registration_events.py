"""What a broker, Home Assistant and the log hear of a registration at a real registrar."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.mosquitto import Mosquitto, MqttUser
from support.ports import free_port
from support.source_build import python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PASSWORD = "hasip-secret"
waiting = Together(ahead=True)
SENSOR = "sensor.ha_sip_registration_1"


@contextlib.contextmanager
def a_registrar(tmp_path: Path) -> Iterator[Kamailio]:
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with Kamailio(folder, free_port(), {"hasip": PASSWORD}) as kamailio:
        yield kamailio


def told_by(broker: Mosquitto) -> dict[str, Any]:
    """Return the settings by which events go to the broker, and sensors to Home Assistant."""
    return {
        "MQTT_ENABLED": "on",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(broker.port),
        "SENSOR_ENABLED": "on",
    }


class Ears:
    """Hears by the broker, the sensor and the log how the registration is."""

    def __init__(
        self, user: MqttUser, house: StandInHomeAssistant, gateway: GatewayProcess
    ) -> None:
        self._user, self._house, self._gateway = user, house, gateway

    def wait(self, state: str, code: int, reason: str) -> None:
        """Wait until all three have told this last."""
        wait_until(lambda: self._told()[-1:] == [(state, code, reason)], lambda: str(self._told()))
        self._house.wait(lambda: self._shown() == (state, code, reason), f"sensor: {state}")
        said = f"failed: {code} {reason}" if state == "failed" else state
        self._gateway.wait_log(said)

    @property
    def states(self) -> list[str]:
        """Return them in order; one that changed its reason only is there once."""
        return [state for state, _ in itertools.groupby(state for state, _, _ in self._told())]

    def _told(self) -> list[tuple[str, int, str]]:
        events = [one for one in self._user.messages if one["event"] == "registration_state"]
        assert all(event["sip_account"] == 1 for event in events)
        return [(event["state"], event["sip_code"], event["sip_reason"]) for event in events]

    def _shown(self) -> tuple[object, ...] | None:
        bodies = self._house.states_of(SENSOR)
        if not bodies:
            return None
        more = bodies[-1]["attributes"]
        return bodies[-1]["state"], more.get("status_code"), more.get("reason")


@contextlib.contextmanager
def heard(
    folder: Path, settings: Mapping[str, Any], build: str = "wheel"
) -> Iterator[tuple[Ears, GatewayProcess, MqttUser]]:
    """Run a gateway that tells its registration in every way, and hear it."""
    with (
        StandInHomeAssistant() as house,
        Mosquitto(folder) as broker,
        MqttUser(broker.port, "hasip/state") as user,
        GatewayProcess(
            folder, house=house, python=python_of(build), **told_by(broker), **settings
        ) as gateway,
    ):
        yield Ears(user, house, gateway), gateway, user


@pytest.mark.parametrize("build", ["wheel", "source"])
@waiting
def test_every_change_of_a_registration_is_told_with_its_reason(tmp_path: Path, build: str) -> None:
    with a_registrar(tmp_path) as registrar:
        settings = account_at(registrar.port, password=PASSWORD)
        settings["SIP1_REGISTRAR_URI"] += ";transport=tcp"  # its end is noticed at once
        with heard(tmp_path, settings, build) as (ears, gateway, _):
            ears.wait("registered", 200, "OK")
            registrar.stop()
            ears.wait("failed", 503, "Connection refused")
            registrar.start()
            ears.wait("registered", 200, "OK")
            gateway.command({"command": "quit"})
            assert gateway.wait_exit() == 0
            ears.wait("unregistered", 200, "OK")

            assert ears.states == ["registered", "failed", "registered", "unregistered"]


@waiting
def test_a_wrong_password_is_told_with_the_reason_and_without_the_password(tmp_path: Path) -> None:
    with a_registrar(tmp_path) as registrar:
        settings = account_at(registrar.port, password="wrong-word")
        with heard(tmp_path, settings) as (ears, _, user):
            ears.wait("failed", 403, "Forbidden (bad password)")

            assert not any(b"wrong-word" in message.payload for message in user.received)
