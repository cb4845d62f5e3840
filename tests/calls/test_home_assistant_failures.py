"""A Home Assistant that fails during calls: what is said, heard and delivered.

`docs/home-assistant.md` has a table of it; what these tests look for is taken from there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hasip.audio.prompts import ERROR_SOUND
from support import audio
from support.bad_manners import Manner
from support.certificates import self_signed
from support.failures import FAILURES
from support.gateway import GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.phone import Phone
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.failures import Failure

DOOR = {
    "menu": {
        "choices": {
            "5": {
                "message": "The door is open",
                "action": {"domain": "lock", "service": "unlock"},
            }
        }
    }
}
TALK = {"menu": {"message": "There is a fire in the house", "post_action": "hangup"}}

waiting = Together(ahead=True)
ACTIONS: dict[str, Callable[[StandInHomeAssistant], object]] = {
    "action-refused": lambda house: house.statuses.update({"services/": 400}),
    "action-away": lambda house: house.go_away(),
    "action-reset": lambda house: house.manners.update({"services/": Manner.RESET}),
    "action-page": lambda house: house.manners.update({"services/": Manner.PAGE}),
    "action-redirected": lambda house: house.manners.update({"services/": Manner.REDIRECT}),
    "action-token": lambda house: setattr(house, "token", "another"),
}


@pytest.mark.parametrize("case", ACTIONS)
def test_an_action_that_fails_is_said_heard_and_told(tmp_path: Path, case: str) -> None:
    failure = FAILURES[case]
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=DOOR) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        ACTIONS[case](house)
        call.type_digits("5")
        gateway.wait_log("service lock.unlock failed", 20)
        error_sound = audio.read_wav(ERROR_SOUND)
        longest = 2 * len(error_sound)
        wait_until(
            lambda: audio.likeness(call.stream.samples[-longest:], error_sound) > 0.8,
            "the error sound",
        )
        call.hang_up()

        assert failure.hears == "the error sound"
        wait_said(gateway, case)
        if case == "action-token":
            # What the menu says needs the token at the same moment.
            assert set(house.refusals) <= {"services/lock/unlock", "tts_get_url"}
            assert failure.gets == "nothing that it takes"
        elif case != "action-away":
            assert house.services == [("lock/unlock", {})]
            assert failure.gets == "the action, once"
        if case != "action-away":
            check_told(house, failure)
            return
        with StandInHomeAssistant(house.port) as back:
            check_told(back, failure)
            assert (house.services, back.services) == ([], [])
            assert failure.gets == "nothing"


def wait_said(gateway: GatewayProcess, case: str) -> None:
    """Wait for what the log says of a failure."""
    wait_until(lambda: FAILURES[case].is_in("\n".join(gateway.own_lines)), f"the log on {case}")


def check_told(house: StandInHomeAssistant, failure: Failure) -> None:
    """Look for the event, which says the same as the log."""
    failed = house.wait_event("service_failed", 20)
    assert (failed["domain"], failed["service"]) == ("lock", "unlock")
    assert failure.is_in(f"service lock.unlock failed: {failed['error']}")
    house.wait_event("call_disconnected")


def test_an_action_by_command_that_fails_is_told(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house) as gateway,
    ):
        house.statuses["services/"] = 400
        gateway.command({"domain": "lock", "service": "unlock", "request_id": "r"})
        failed = house.wait_event("command_failed")

        assert (failed["command"], failed["request_id"]) == ("call_service", "r")
        assert "POST services/lock/unlock: Home Assistant answered 400" in failed["error"]
        gateway.wait_log("POST services/lock/unlock: Home Assistant answered 400")


def test_home_assistant_restarts_in_a_call_and_every_event_comes_once_in_order(
    tmp_path: Path,
) -> None:
    house = StandInHomeAssistant()
    with GatewayProcess(tmp_path, house=house, menu_file={}) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.type_digits("12")
        house.wait(lambda: house.event_names.count("dtmf_digit") == 2, "two digits")
        house.go_away()
        call.type_digits("345")
        gateway.wait_log("Home Assistant is away")
        with StandInHomeAssistant(house.port) as back:
            back.state = "STARTING"
            gateway.wait_log("Home Assistant is starting up")
            call.type_digits("67")
            assert back.events == []  # it would throw them away
            assert not call.is_ended.is_set()
            back.state = "RUNNING"
            back.wait(lambda: len(back.events) >= 5, "the digits", 30)
            call.type_digits("8")
            back.wait(lambda: len(back.events) >= 6, "a digit")
            call.hang_up()
            back.wait_event("call_disconnected")
            digits = [event["digit"] for event in house.events + back.events if "digit" in event]

            assert digits == list("12345678")
            assert back.event_names.count("call_disconnected") == 1
        for case in ("events-away", "events-starting", "events-back"):
            wait_said(gateway, case)
    house.__exit__()


def test_one_that_is_away_at_start_is_looked_at_as_soon_as_it_is_there(tmp_path: Path) -> None:
    with StandInHomeAssistant() as house:
        settings = {"HA_BASE_URL": house.base_url, "HA_TOKEN": TOKEN, "TTS_ENGINE_ID": "tts.none"}
    with (
        StandInHomeAssistant() as other,  # its websocket is there all the time
        GatewayProcess(
            tmp_path,
            **settings,
            HA_WEBSOCKET_URL=other.websocket.url,
            HA_WEBHOOK_ID="all",
            TTS_DEBUG_PRINT="true",
            SENSOR_ENABLED="true",
            menu_file={},
        ) as gateway,
        Phone("p") as phone,
    ):
        gateway.wait_log("Home Assistant is away")
        gateway.wait_log("Sensor sensor.ha_sip_account_1 not updated")
        wait_said(gateway, "sensor-away")
        phone.call(gateway.uri).wait_answered().hang_up()
        assert other.websocket.asked == []
        with StandInHomeAssistant(house.port) as back:
            gateway.wait_log(FAILURES["check-engine"].log, 30)
            gateway.wait_log("    tts.espeak: de, en")
            back.wait_event("call_disconnected")
            back.wait(lambda: back.states_of("sensor.ha_sip_last_call_1"), "sensors", 30)
            assert back.states_of("sensor.ha_sip_account_1")[-1]["state"] == "false"
            assert back.event_names[0] == "incoming_call"


@waiting
def test_one_that_takes_30_s_for_everything_is_not_waited_for(tmp_path: Path) -> None:
    """The first caller hears the local voice after 15 s, the next one after 3 s."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=TALK) as gateway,
        Phone("p") as phone,
    ):
        expected = audio.read_wav(house.speak("There is a fire in the house"))
        house.delay_s = 30
        for least_s in (13, 1):
            call = phone.call(gateway.uri).wait_answered()
            started = time.monotonic()
            call.wait_sound(least_s + 12)
            waited_s = time.monotonic() - started
            call.wait_ended()

            print(f"waited for {waited_s:.1f} s")
            assert least_s < waited_s
            assert audio.likeness(call.stream.samples, expected) > 0.8
        wait_said(gateway, "speech-slow")


def test_a_wrong_token_is_said_once_and_not_shown_with_every_call(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, menu_file=TALK, HA_TOKEN="wrong", SENSOR_ENABLED="true"
        ) as gateway,
        Phone("p") as phone,
    ):
        for _ in range(3):
            phone.call(gateway.uri).wait_answered().wait_ended()
        house.wait(lambda: house.event_names.count("call_disconnected") == 3, "all events")
        wait_said(gateway, "token-refused")
        said = [line for line in gateway.own_lines if FAILURES["token-refused"].is_in(line)]

        assert len(said) == 1
        # Parts that begin at the same time may each show it once, and none again.
        assert len(set(house.refusals)) == len(house.refusals), house.refusals


@waiting
def test_home_assistant_moves_to_https_and_its_own_certificate(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    first = StandInHomeAssistant()
    with GatewayProcess(tmp_path, house=first, menu_file=TALK) as gateway, Phone("p") as phone:
        phone.call(gateway.uri).wait_answered().wait_ended()
        first.wait_event("call_disconnected")
        first.go_away()
        with StandInHomeAssistant(first.port, certificate) as moved:
            call = phone.call(gateway.uri).wait_answered()
            call.wait_sound()
            call.wait_ended()
            gateway.wait_log("Home Assistant is away")
            wait_said(gateway, "tls-wanted")
            assert moved.requests == []
    folder = tmp_path / "again"
    folder.mkdir()
    with (
        StandInHomeAssistant(certificate=certificate) as moved,
        GatewayProcess(folder, house=moved, menu_file=TALK, HA_CA_FILE=str(certificate)) as gateway,
        Phone("p") as phone,
    ):
        phone.call(gateway.uri).wait_answered().wait_ended()
        moved.wait_event("call_disconnected")
    first.__exit__()
