"""The gateway at a real registrar and proxy."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.phone import Phone
from support.ports import free_port
from support.source_build import python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
MENU = {
    "menu": {
        "message": "Welcome to the house",
        "choices": {
            "1": {"action": {"domain": "light", "service": "turn_on"}, "post_action": "hangup"}
        },
    }
}


HOUR_S = 3600
waiting = Together(at_once=8, ahead=True)


@contextlib.contextmanager
def a_registrar(tmp_path: Path, min_expires_s: int = 0) -> Iterator[Kamailio]:
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with Kamailio(folder, free_port(), USERS, min_expires_s=min_expires_s) as kamailio:
        yield kamailio


@pytest.fixture
def registrar(tmp_path: Path) -> Iterator[Kamailio]:
    with a_registrar(tmp_path) as kamailio:
        yield kamailio


def account(registrar: Kamailio, password: str = USERS["hasip"]) -> dict[str, str]:
    return {
        "SIP1_ID_URI": f"sip:hasip@127.0.0.1:{registrar.port}",
        "SIP1_REGISTRAR_URI": f"sip:127.0.0.1:{registrar.port}",
        "SIP1_USER_NAME": "hasip",
        "SIP1_PASSWORD": password,
    }


def registers(gateway: GatewayProcess) -> list[str]:
    """Return the requests that it has sent, as pjsip logs them."""
    return [line for line in gateway.lines if " Request msg REGISTER" in line and "TX " in line]


def test_an_end_while_the_registration_is_on_its_way_leaves_nothing_at_the_registrar(
    registrar: Kamailio, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, **account(registrar)) as gateway:
        gateway.command({"command": "quit"})  # when it is up, REGISTER has only just been sent

        assert gateway.wait_exit() == 0
        gateway.wait_log("Account 1: unregistered (200 OK)")


def test_with_the_right_password_it_registers_and_unregisters_at_the_end(
    registrar: Kamailio, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, **account(registrar)) as gateway:
        gateway.wait_log("): registered")
        gateway.command({"command": "quit"})

        assert gateway.wait_exit() == 0
        gateway.wait_log("Account 1: unregistered (200 OK)")
        assert not any(USERS["hasip"] in line for line in gateway.lines)


@pytest.mark.parametrize(
    ("password", "state", "codes", "said"),
    [
        (USERS["hasip"], "registered", {200}, "registered, accept"),
        ("wrong-word", "failed", {401, 403}, "failed (40"),
    ],
)
def test_a_registration_is_shown_by_sensor_and_by_the_command_state(
    registrar: Kamailio,
    tmp_path: Path,
    password: str,
    state: str,
    codes: set[int],
    said: str,
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, SENSOR_ENABLED="on", **account(registrar, password)
        ) as gateway,
    ):

        def shown() -> list[str]:
            return [body["state"] for body in house.states_of("sensor.ha_sip_registration_1")]

        house.wait(lambda: shown()[-1:] == [state], state)
        last = house.states_of("sensor.ha_sip_registration_1")[-1]["attributes"]
        assert last["status_code"] in codes
        assert {"reason", "last_change"} <= last.keys()
        gateway.command({"command": "state"})
        gateway.wait_log(f"1: sip:hasip@127.0.0.1:{registrar.port}, {said}")
        gateway.command({"command": "quit"})
        assert gateway.wait_exit() == 0
        assert shown()[-1] == ("unregistered" if state == "registered" else "failed")


@waiting
def test_a_wrong_password_is_refused_with_the_reason_and_not_hammered(tmp_path: Path) -> None:
    """One try is two requests; the next one comes after 24 to 36 s."""
    with (
        a_registrar(tmp_path) as registrar,
        GatewayProcess(tmp_path, **account(registrar, "wrong-word")) as gateway,
    ):
        line = gateway.wait_log("registration at")
        told_at = time.monotonic()

        assert "failed: 403 Forbidden (bad password)" in line
        # The gateway lives on, and can be called directly.
        with Phone("alice") as alice:
            assert alice.ping(gateway.address) < 1
        wait_until(lambda: len(registers(gateway)) > 2, "the next try", 50)
        assert time.monotonic() - told_at >= 23
        gateway.wait_lines("registration at", 2)
        assert len(registers(gateway)) == 4
        assert not any("wrong-word" in line for line in gateway.lines)


def test_a_caller_registered_at_the_proxy_reaches_the_menu(
    registrar: Kamailio, tmp_path: Path
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=MENU, **account(registrar)) as gateway,
        Phone("alice", password=USERS["alice"], proxy=registrar.address) as alice,
    ):
        gateway.wait_log("): registered")
        call = alice.call(f"sip:hasip@127.0.0.1:{registrar.port}").wait_answered()
        call.wait_sound()
        spoken = audio.read_wav(house.speak("Welcome to the house"))
        call.wait_quiet()
        assert audio.likeness(call.stream.samples, spoken) > 0.8
        call.type_by_info("1")
        house.wait_service("light/turn_on")
        call.wait_ended()


def test_the_gateway_calls_a_phone_through_the_proxy_with_its_password(
    registrar: Kamailio, tmp_path: Path
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, **account(registrar)) as gateway,
        Phone("alice", password=USERS["alice"]) as alice,
    ):
        gateway.wait_log("): registered")
        assert alice.register(registrar.address, f"127.0.0.1:{registrar.port}") == 200
        gateway.command(
            {"command": "dial", "number": "alice", "menu": {"message": "Hello", "timeout": 2}}
        )
        call = alice.wait_call().wait_answered()
        call.wait_sound()
        call.wait_ended()

        assert house.wait_event("timeout")["parsed_remote_uri"] == "alice"


@pytest.mark.parametrize(
    ("user", "code", "outcome"), [("busy", 486, "busy"), ("nobody", 404, "not_found")]
)
def test_a_call_that_is_refused_tells_the_final_response(
    registrar: Kamailio, tmp_path: Path, user: str, code: int, outcome: str
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, **account(registrar)) as gateway,
    ):
        gateway.wait_log("): registered")
        gateway.command({"command": "dial", "number": f"sip:{user}@127.0.0.1:{registrar.port}"})
        ended = house.wait_event("call_disconnected")

        assert ended["sip_code"] == code
        assert ended["outcome"] == outcome
        assert ended["hangup_by"] == "remote"
        assert ended["duration"] == 0


def test_a_registrar_that_is_away_is_asked_again_until_it_is_back(
    registrar: Kamailio, tmp_path: Path
) -> None:
    registrar.stop()
    with GatewayProcess(
        tmp_path,
        **{
            **account(registrar),
            "SIP1_OPTIONS": f"--proxy <sip:127.0.0.1:{registrar.port};transport=tcp;lr>",
        },
    ) as gateway:
        gateway.wait_log("next try in")
        registrar.start()

        gateway.wait_log("registered", 30)


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@waiting
def test_a_registrar_that_was_restarted_is_registered_with_again_within_a_minute(
    tmp_path: Path, build: str, transport: str
) -> None:
    """It has forgotten the gateway, for which it had granted an hour.

    By UDP nothing tells so but the next refresh, after 32 to 48 s.
    """
    with a_registrar(tmp_path, min_expires_s=HOUR_S) as registrar:
        settings = account(registrar)
        settings["SIP1_REGISTRAR_URI"] += f";transport={transport}"
        uri = f"sip:hasip@127.0.0.1:{registrar.port}"
        with (
            GatewayProcess(
                tmp_path, python=python_of(build), menu_file=MENU, **settings
            ) as gateway,
            Phone("alice", password=USERS["alice"], proxy=registrar.address) as alice,
        ):
            gateway.wait_log("): registered")
            gateway.wait_log(f"expires={HOUR_S}")
            gateway.signal(signal.SIGSTOP)  # else it could be there before the call
            registrar.stop()
            registrar.start()
            back_at = time.monotonic()
            alice.call(uri).wait_status(404)
            since = len(gateway.lines)
            gateway.signal(signal.SIGCONT)
            gateway.wait_log("msg 200/REGISTER", 60, since)

            assert time.monotonic() - back_at < 60
            alice.call(uri).wait_answered().hang_up()
