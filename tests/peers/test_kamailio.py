"""The gateway at a real registrar and proxy."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.phone import Phone
from support.ports import free_port

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


@pytest.fixture
def registrar(tmp_path: Path) -> Iterator[Kamailio]:
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with Kamailio(folder, free_port(), USERS) as kamailio:
        yield kamailio


def account(registrar: Kamailio, password: str = USERS["hasip"]) -> dict[str, str]:
    return {
        "SIP1_ID_URI": f"sip:hasip@127.0.0.1:{registrar.port}",
        "SIP1_REGISTRAR_URI": f"sip:127.0.0.1:{registrar.port}",
        "SIP1_USER_NAME": "hasip",
        "SIP1_PASSWORD": password,
    }


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


def test_a_wrong_password_is_refused_with_the_reason_and_not_hammered(
    registrar: Kamailio, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, **account(registrar, "wrong-word")) as gateway:
        line = gateway.wait_log("registration at")

        assert "failed: 40" in line
        wait_s = re.search(r"next try in (\d+) s", line)
        assert wait_s is not None
        assert int(wait_s[1]) >= 24
        assert not any("wrong-word" in line for line in gateway.lines)
        # The gateway lives on, and can be called directly.
        with Phone("alice") as alice:
            assert alice.ping(gateway.address) < 1


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


def test_a_registrar_that_was_restarted_is_registered_with_again(tmp_path: Path) -> None:
    """It has forgotten the gateway, which tells it anew after half of the time that it grants.

    After 32 to 48 s at the latest; see the unit test.
    """
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with (
        Kamailio(folder, free_port(), USERS, max_expires_s=10) as registrar,
        GatewayProcess(tmp_path, menu_file=MENU, **account(registrar)) as gateway,
        Phone("alice", password=USERS["alice"], proxy=registrar.address) as alice,
    ):
        gateway.wait_log("): registered")
        gateway.signal(signal.SIGSTOP)  # else it could be there before the call
        registrar.stop()
        registrar.start()
        uri = f"sip:hasip@127.0.0.1:{registrar.port}"
        alice.call(uri).wait_status(404)
        since = len(gateway.lines)
        gateway.signal(signal.SIGCONT)
        gateway.wait_log("SIP/2.0 200 OK", 60, since)

        alice.call(uri).wait_answered()
