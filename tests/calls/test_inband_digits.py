"""Digits that a caller sends as tones only: heard where they must be, and never twice.

All of it runs on the source build, which we ship; on the wheel what is heard and recorded.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from support.audio import read_wav
from support.open_line import OpenLine, open_line
from support.phone import Phone, PhoneCall
from support.ports import free_port
from support.source_build import BUILDS, on_builds, python_of
from support.tones import Sender, to_samples
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.home_assistant import StandInHomeAssistant

PIN_MENU = {
    "menu": {
        "choices_are_pin": True,
        "choices": {
            "1590": {"action": {"domain": "lock", "service": "open"}, "post_action": "hangup"}
        },
    }
}
# Every digit is told, and none leads anywhere.
LISTENS = {"menu": {"choices": {"ABCDABCDABCDABCDABCD": {}}, "choices_are_pin": True}}
A_MOMENT_S = 1.0
# The user of each account, and its options; the first has a menu with a PIN.
ACCOUNTS = {
    "door": "",
    "auto": "--inband-dtmf auto",
    "off": "--inband-dtmf off",
    "on": "--inband-dtmf on",
}

both_builds = on_builds(*BUILDS)


@pytest.fixture(scope="module")
def shared_line(tmp_path_factory: pytest.TempPathFactory, build: str) -> Iterator[OpenLine]:
    """Return a gateway with all of the accounts."""
    folder = tmp_path_factory.mktemp("line")
    menu_file = folder / "listens.json"
    menu_file.write_text(json.dumps(LISTENS), encoding="utf-8")
    port = free_port()
    settings = {}
    for number, (user, options) in enumerate(ACCOUNTS.items(), 1):
        settings |= {
            f"SIP{number}_ENABLED": "true",
            f"SIP{number}_ID_URI": f"sip:{user}@127.0.0.1:{port}",
            f"SIP{number}_OPTIONS": options,
            f"SIP{number}_ANSWER_MODE": "accept",
            f"SIP{number}_SETTLE_TIME": "0.1",
        }
        if number > 1:
            settings[f"SIP{number}_INCOMING_CALL_FILE"] = str(menu_file)
    with open_line(
        folder, port=port, python=python_of(build), menu_file=PIN_MENU, **settings
    ) as line:
        yield line


def called(line: OpenLine, phone: Phone, user: str = "auto") -> PhoneCall:
    """Have a phone call an account."""
    count = line.house.event_names.count("call_established") + 1
    call = phone.call(f"sip:{user}@127.0.0.1:{line.gateway.port}").wait_answered()
    line.house.wait(
        lambda: line.house.event_names.count("call_established") == count, "the call is up"
    )
    return call


def dial_tones(call: PhoneCall, digits: str, on_s: float = 0.1, off_s: float = 0.1) -> None:
    call.stream.say(to_samples(Sender(on_s, off_s).type(digits)))


def digits_of(house: StandInHomeAssistant) -> str:
    return "".join(event["digit"] for event in house.events if event["event"] == "dtmf_digit")


def said_all(call: PhoneCall) -> None:
    wait_until(lambda: not call.stream._to_say or call.is_ended.is_set(), "all has been said")


def send_back(call: PhoneCall, since: int) -> None:
    """Be a hybrid that sends back all that is heard for a second."""
    for at in range(since, since + 8_000, 160):
        call.wait_samples(at + 160)
        call.stream.say([sample // 2 for sample in call.stream.samples[at : at + 160]])


@both_builds
@pytest.mark.parametrize("codec", ["0 PCMU/8000", "8 PCMA/8000"])
@pytest.mark.parametrize("on_s", [0.05, 0.12])
def test_a_code_in_tones_opens(line: OpenLine, codec: str, on_s: float) -> None:
    with Phone("intercom", takes_events=False, codecs=(codec,)) as phone:
        call = called(line, phone, "door")
        dial_tones(call, "1590", on_s, 0.05)
        call.wait_ended()

        line.house.wait(lambda: line.house.services, "the lock")
        assert [name for name, _ in line.house.services] == ["lock/open"]
        assert len(line.gateway.wait_lines("a digit was heard in-band", 4)) == 4
        assert not any("1590" in said for said in line.gateway.own_lines)


def test_a_digit_is_told_soon_after_its_tone_begins(line: OpenLine) -> None:
    """Up to the webhook; the tone is due for 20 ms more, and then waits for a block of 125 ms."""
    took_ms = []
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        for count, digit in enumerate("1234567890*#", 1):
            began = time.monotonic()
            dial_tones(call, digit)
            line.house.wait(lambda: len(digits_of(line.house)) == count, "the digit")  # noqa: B023
            told_at = [
                item.at
                for item in line.house.requests
                if isinstance(item.body, dict) and item.body.get("event") == "dtmf_digit"
            ]
            took_ms.append(1000 * (told_at[-1] - began))
            said_all(call)
            time.sleep(0.1 + 0.01 * count)  # the blocks are not in step with us
    print(f"{statistics.median(took_ms):.0f} ms after its tone begins, at most {max(took_ms):.0f}")

    assert statistics.median(took_ms) < 600


@pytest.mark.parametrize(("mode", "takes_events"), [("auto", True), ("off", False)])
def test_tones_are_only_sound_where_digits_come_otherwise(
    line: OpenLine, mode: str, *, takes_events: bool
) -> None:
    with Phone("p", takes_events=takes_events) as phone:
        call = called(line, phone, mode)
        dial_tones(call, "1234")
        said_all(call)
        call.type_by_info("9")  # comes after what the tones would have given
        line.house.wait(lambda: digits_of(line.house)[-1:] == "9", "the digit by INFO")
        time.sleep(A_MOMENT_S)  # nothing is to come

        assert digits_of(line.house) == "9"


@both_builds
def test_on_takes_tones_and_events_of_the_same_digits_once(line: OpenLine) -> None:
    with Phone("p") as phone:
        call = called(line, phone, "on")
        call.stream.sends_both = True
        call.type_digits("1155")
        dial_tones(call, "1155", 0.1, 0.1)
        wait_until(lambda: len(call.stream.typed_at) == 4, "all digits are typed")
        said_all(call)
        time.sleep(A_MOMENT_S)  # for what must not come, and until both are digits of their own
        dial_tones(call, "7")
        line.house.wait(lambda: digits_of(line.house)[-1:] == "7", "the tone alone")
        call.type_digits("8")
        line.house.wait(lambda: digits_of(line.house)[-1:] == "8", "the event alone")

        assert digits_of(line.house) == "115578"


def test_a_peer_that_sends_tones_and_info_is_heard_once(line: OpenLine) -> None:
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        for digit in "2255":
            dial_tones(call, digit)
            call.type_by_info(digit)
            said_all(call)
        time.sleep(A_MOMENT_S)  # nothing is to come

        assert digits_of(line.house) == "2255"


def test_one_packet_in_twenty_lost_costs_hardly_a_digit(line: OpenLine) -> None:
    typed = "1234567890" * 2
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        call.stream.chance.seed(4733)
        call.stream.loses = 0.05
        dial_tones(call, typed)
        said_all(call)
        call.stream.loses = 0.0
        call.type_by_info("*")
        line.house.wait(lambda: "*" in digits_of(line.house), "the digit by INFO")
        time.sleep(A_MOMENT_S)

        heard = digits_of(line.house).replace("*", "")
        print(f"of {typed} {heard} was heard")
        assert len(heard) <= len(typed) + 1
        assert sum(digit in heard for digit in "1234567890") == 10
        assert len(heard) >= len(typed) - 2


def test_our_own_digits_that_come_back_are_no_digits(line: OpenLine) -> None:
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        line.command("send_dtmf", digits="123")
        send_back(call, call.wait_sound())
        line.gateway.wait_log("is the echo of ours")
        said_all(call)
        time.sleep(2 * A_MOMENT_S)
        dial_tones(call, "6")
        line.house.wait(lambda: digits_of(line.house), "a digit of the phone's own")

        assert digits_of(line.house) == "6"


def test_digits_of_a_bridged_call_that_come_back_are_no_digits(line: OpenLine) -> None:
    """Both callers send tones only; what one types, the other's line sends back."""
    with (
        Phone("door", takes_events=False) as door,
        Phone("hall", takes_events=False) as hall,
    ):
        one, other = called(line, door), called(line, hall)
        line.command("bridge_audio", "door", bridge_to="hall")
        dial_tones(one, "123")
        send_back(other, other.wait_sound())
        said_all(other)
        line.gateway.wait_log("is the echo of a bridged call's")
        time.sleep(A_MOMENT_S)  # nothing is to come
        dial_tones(other, "6")
        line.house.wait(lambda: "6" in digits_of(line.house), "a digit of the other phone's own")

        assert digits_of(line.house) == "1236"


@both_builds
def test_digits_in_tones_go_on_after_hold(line: OpenLine) -> None:
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        assert call.reinvite("sendonly") == 200
        assert call.reinvite("sendrecv") == 200
        call.wait_samples(len(call.stream.samples) + 1_600)  # its stream is up again
        dial_tones(call, "42")

        line.house.wait(lambda: digits_of(line.house) == "42", "both digits")


@both_builds
def test_a_recording_goes_on_beside_it(line: OpenLine) -> None:
    file = line.folder / "both.wav"
    with Phone("p", takes_events=False) as phone:
        call = called(line, phone)
        line.command("start_recording", recording_file=str(file))
        line.house.wait_event("recording_started")
        dial_tones(call, "42")
        line.house.wait(lambda: digits_of(line.house) == "42", "both digits")
        call.hang_up()
        line.house.wait_event("call_disconnected")

        wait_until(file.exists, "the recording")
        assert max(read_wav(file)) > 1_000
