"""A slow or absent Home Assistant, peers with bad manners, more calls than there is room for."""

from __future__ import annotations

import signal
import statistics
import time
from typing import TYPE_CHECKING

import pjsua2
import pytest

from hasip.audio.prompts import ERROR_SOUND
from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from pathlib import Path

HELLO = {
    "menu": {
        "id": "main",
        "message": "Hello there",
        "choices": {"5": {"id": "five", "action": {"domain": "d", "service": "s"}}},
    }
}


@pytest.mark.alone
def test_a_home_assistant_that_takes_3_s_for_every_answer_disturbs_no_sip(tmp_path: Path) -> None:
    """OPTIONS is answered within 10 ms, and a second caller connected at once."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=HELLO) as gateway,
        Phone("first") as first,
        Phone("second") as second,
        Phone("pinger") as pinger,
    ):
        house.delay_s = 3.0
        first.call(gateway.uri).wait_answered()
        pings: list[float] = []
        started = time.monotonic()
        connected_after_s = None
        while time.monotonic() - started < 5:
            pings.append(pinger.ping(gateway.address))
            if connected_after_s is None and len(pings) > 20:
                asked = time.monotonic()
                second.call(gateway.uri).wait_answered()
                connected_after_s = time.monotonic() - asked
            time.sleep(0.02)

        print(f"worst of {len(pings)} OPTIONS: {max(pings) * 1000:.1f} ms")
        # Pings may meet a busy test machine; a gateway that waits would be slow for 3 s at a time.
        assert statistics.median(pings) < 0.05
        assert max(pings) < 1.5
        assert connected_after_s is not None
        assert connected_after_s < 1.5


def test_events_wait_for_a_home_assistant_that_was_away_and_come_in_order(tmp_path: Path) -> None:
    house = StandInHomeAssistant()
    port = house.port
    with GatewayProcess(tmp_path, house=house, menu_file=HELLO) as gateway, Phone("p") as phone:
        house.go_away()
        call = phone.call(gateway.uri).wait_answered()
        call.wait_sound()  # the local voice
        call.type_digits("5")
        gateway.wait_log("service d.s failed")
        call.hang_up()
        gateway.wait_log("Removing call")

        with StandInHomeAssistant(port) as back:
            back.wait_event("call_disconnected", 20)
            names = [name for name in back.event_names if name != "playback_done"]
        assert names == [
            "incoming_call",
            "call_established",
            "entered_menu",
            "dtmf_digit",
            "entered_menu",
            "service_failed",
            "call_disconnected",
        ]
        house.__exit__()


def test_a_token_that_is_refused_is_said_and_the_caller_hears_the_error_sound(
    tmp_path: Path,
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, menu_file=HELLO, HA_TOKEN="wrong", TTS_FALLBACK="none"
        ) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.wait_quiet()
        error_sound = audio.read_wav(ERROR_SOUND)

        assert audio.likeness(call.stream.samples, error_sound) > 0.8
        line = gateway.wait_log("error sound")
        assert "refused the token (401); check HA_TOKEN" in line
        assert "engine tts.espeak, language en" in line


def test_an_action_that_failed_is_heard_in_place_of_what_the_menu_says(tmp_path: Path) -> None:
    menu = {
        "choices": {
            "5": {
                "message": "The door is open",
                "action": {"domain": "lock", "service": "unlock"},
                "post_action": "hangup",
            }
        }
    }
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={"menu": menu}) as gateway,
        Phone("p") as phone,
    ):
        house.statuses["services/"] = 400
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.type_digits("5")
        call.wait_ended()

        assert audio.likeness(call.stream.samples, audio.read_wav(ERROR_SOUND)) > 0.8
        failed = house.wait_event("service_failed")
        assert (failed["domain"], failed["service"]) == ("lock", "unlock")
        assert "400" in failed["error"]
        house.wait_event("call_disconnected")
        assert "playback_done" not in house.event_names
        assert len(house.services) == 1


def test_an_action_waits_a_moment_for_home_assistant_and_runs_once(tmp_path: Path) -> None:
    with StandInHomeAssistant() as house:
        port, base_url = house.port, house.base_url
    settings = {"HA_BASE_URL": base_url, "HA_TOKEN": TOKEN}
    with GatewayProcess(tmp_path, menu_file=HELLO, **settings) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        gateway.wait_log("CallEstablished")
        call.type_digits("5")
        gateway.wait_log("Service d.s, again soon: POST services/d/s")
        with StandInHomeAssistant(port) as house:
            gateway.wait_log("Service d.s called")

            assert house.services == [("d/s", {})]


def test_an_alarm_speaks_while_home_assistant_is_down(tmp_path: Path) -> None:
    with StandInHomeAssistant() as house:
        base_url = house.base_url
        expected = audio.read_wav(house.speak("There is a fire in the house"))
    settings = {"HA_BASE_URL": base_url, "HA_TOKEN": "x", "TTS_ENGINE_ID": "tts.cloud"}
    with GatewayProcess(tmp_path, **settings) as gateway, Phone("p") as phone:
        menu = {"message": "There is a fire in the house", "post_action": "hangup"}
        gateway.command({"command": "dial", "number": phone.uri, "menu": menu})
        call = phone.wait_call().wait_answered()
        call.wait_ended()

        assert audio.likeness(call.stream.samples, expected) > 0.8
        line = gateway.wait_log("A local voice speaks instead: no speech from engine tts.cloud")
        assert "cannot connect" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_calls_with_bye_and_the_program_within_3_s(
    tmp_path: Path, number: signal.Signals
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=HELLO) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("entered_menu")
        house.delay_s = 30  # not even a Home Assistant that hangs may hold it up
        started = time.monotonic()
        gateway.signal(number)

        assert gateway.wait_exit() == 0
        assert time.monotonic() - started < 3
        assert call.is_ended.is_set()
        assert call.ended_by_peer


def test_quit_while_a_phone_rings_takes_the_call_back(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, Phone("p", answer_after_s=None) as phone:
        gateway.command({"command": "dial", "number": phone.uri})
        call = phone.wait_call()
        gateway.command({"command": "quit"})

        assert gateway.wait_exit() == 0
        call.wait_ended()


# What this pjsua2 was built for; the wheel does not say that it is 4.
ROOM = getattr(pjsua2, "HASIP_MAX_CALLS", 4)


@pytest.mark.skipif(ROOM > 16, reason="the telephone in Python has no breath for so many calls")
def test_a_call_too_many_is_busy_and_a_dial_too_many_fails_with_a_reason(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={}) as gateway,
        Phone("p") as phone,
    ):
        for _ in range(ROOM):
            phone.call(gateway.uri).wait_answered()
        phone.call(gateway.uri).wait_status(486)
        gateway.wait_log("Refused a call from")
        gateway.command({"command": "dial", "number": "sip:x@127.0.0.1:9", "request_id": "q"})
        failed = house.wait_event("command_failed")

        assert failed["command"] == "dial"
        assert failed["number"] == "sip:x@127.0.0.1:9"
        assert failed["request_id"] == "q"


def test_a_caller_who_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """CANCEL while it rings, BYE right after the answer, BYE while the speech is being made."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={**HELLO, "answer_after": 0.3}) as gateway,
        Phone("p") as phone,
    ):
        house.delay_s = 0.2
        ringing = phone.call(gateway.uri)
        ringing.wait_status(180)
        ringing.cancel()
        ringing.wait_ended()
        for _ in range(5):
            phone.call(gateway.uri).wait_answered().hang_up()
        talking = phone.call(gateway.uri).wait_answered()
        talking.type_digits("5")
        talking.hang_up()
        house.wait(lambda: house.event_names.count("call_disconnected") == 7, "7 ends")
        gateway.command({"command": "state"})

        gateway.wait_log("No active calls.")
        assert phone.ping(gateway.address) < 2
        codes = [
            event["sip_code"] for event in house.events if event["event"] == "call_disconnected"
        ]
        assert codes == [487, *[200] * 6]


def test_two_calls_from_one_number_have_ids_of_their_own(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={}) as gateway,
        Phone("twin") as phone,
    ):
        first = phone.call(gateway.uri).wait_answered()
        second = phone.call(gateway.uri).wait_answered()
        house.wait(lambda: house.event_names.count("call_established") == 2, "both are up")
        gateway.command({"command": "hangup", "number": f"<{phone.uri}>#2"})

        second.wait_ended()
        assert not first.is_ended.is_set()
        gateway.command({"command": "hangup", "number": "twin"})
        first.wait_ended()


def test_garbage_on_stdin_and_on_the_sip_port_is_survived(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, Phone("p") as phone:
        gateway.write(b'\xff\xfe\x00 not json\n{}\n[1]\n"\\""\n' + b"[" * 100_000 + b"\n")
        gateway.write(b'{"command": "fly"}\n{"command": "hangup", "number": "nobody"}\n')
        for data in (
            b"",
            b"\x00" * 4000,
            b"INVITE sip:x SIP/2.0\r\n\r\n",
            b"SIP/2.0 999 x\r\n\r\n",
        ):
            phone.socket.sendto(data, gateway.address)
        gateway.wait_log("Could not deserialize JSON")
        gateway.wait_log("Error: Unknown command: fly")
        gateway.wait_log('no active call matches "nobody"; active: none')
        big = b" " * 3_000_000
        gateway.write(b'{"command":' + big + b'"state"}\n')
        gateway.wait_log("No active calls.")

        assert phone.ping(gateway.address) < 2
        gateway.end_input()
        gateway.wait_log("Standard input has ended")
        assert phone.ping(gateway.address) < 2


def test_play_and_stop_by_command_and_a_digit_by_info(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house) as gateway,
        Phone("p") as phone,
    ):
        gateway.command({"command": "dial", "number": phone.uri})
        call = phone.wait_call().wait_answered()
        house.wait_event("call_established")
        text = "One two three four five six seven eight nine ten"
        gateway.command({"command": "play_message", "number": phone.uri, "message": text})
        call.wait_sound()
        gateway.command({"command": "stop_playback", "number": "p"})
        call.wait_quiet(3)  # of all ten numbers the last is heard later
        call.type_by_info("7")

        assert house.wait_event("dtmf_digit")["digit"] == "7"
        gateway.command(
            {
                "command": "play_message",
                "number": phone.uri,
                "message": "{{ 1 + 1 }}",
                "handle_as_template": True,
                "post_action": "hangup",
            }
        )
        call.wait_ended()
        house.wait_event("playback_done")
        assert any(item.body == {"template": "{{ 1 + 1 }}"} for item in house.requests)


def test_listen_answer_and_reject(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            SIP1_ANSWER_MODE="Listen",
            SIP2_ENABLED="on",
            SIP2_ID_URI="sip:no@127.0.0.1",
        ) as gateway,
        Phone("visitor") as phone,
    ):
        call = phone.call(gateway.uri)
        call.wait_status(180)
        house.wait_event("incoming_call")
        gateway.command(
            {
                "command": "answer",
                "number": "visitor",
                "menu": {"message": "Bye", "post_action": "hangup"},
                "webhook_to_call": {"call_disconnected": "special"},
            }
        )
        call.wait_answered()
        call.wait_ended()
        house.wait(lambda: "webhook/special" in [item.path for item in house.requests], "special")
        paths = [
            item.path
            for item in house.requests
            if item.body and item.body.get("event") == "call_disconnected"
        ]
        assert paths[0] == "webhook/special"

        refused = phone.call(gateway.uri)
        refused.wait_status(180)
        gateway.command({"command": "hangup", "number": "visitor", "sip_code": 486})
        refused.wait_status(486)


def test_a_refusal_that_comes_at_once_is_told_for_every_call(tmp_path: Path) -> None:
    """The peer's 486 may be there before pjsua2 has returned from placing the call."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, LOG_LEVEL="1") as gateway,
        Phone("p", reject_with=486) as phone,
    ):
        for number in range(1, 61):
            gateway.command({"command": "dial", "number": phone.uri})
            house.wait(lambda: house.event_names.count("call_disconnected") == number, "end")  # noqa: B023
            # The wheel has few sockets, and keeps those of a call for half a second.
            time.sleep(0.03)

        assert "command_failed" not in house.event_names
        ends = [event for event in house.events if event["event"] == "call_disconnected"]
        assert {event["sip_code"] for event in ends} == {486}
        assert all(event["call_id"] for event in ends)


def test_debug_print_says_why_it_knows_no_engines(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, TTS_DEBUG_PRINT="true", HA_WEBSOCKET_URL=""
        ) as gateway,
    ):
        address = f"ws://127.0.0.1:{house.port}/api/websocket"
        gateway.wait_log(f"The speech engines are not known: websocket {address}: ")


def test_a_phone_that_speaks_before_it_answers_is_heard(tmp_path: Path) -> None:
    """Its packets are there before our media is up; pjproject 2.17 would not read on after them."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house) as gateway,
        Phone("p", speaks_early=True, answer_after_s=0.04) as phone,
    ):
        for number in range(20):
            gateway.command({"command": "dial", "number": phone.uri})
            call = phone.wait_call().wait_answered()
            call.type_digits("5")
            house.wait(lambda: house.event_names.count("dtmf_digit") == number + 1, "the digit")  # noqa: B023
            call.hang_up()
            house.wait(lambda: house.event_names.count("call_disconnected") > number, "end")  # noqa: B023
