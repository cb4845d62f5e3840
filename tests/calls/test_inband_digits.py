"""Digits that a caller sends as tones only: heard where they must be, and never twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.audio import read_wav
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone, PhoneCall
from support.tones import Sender, to_samples
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize("codec", ["0 PCMU/8000", "8 PCMA/8000"])
@pytest.mark.parametrize("on_s", [0.05, 0.12])
def test_a_code_in_tones_opens(tmp_path: Path, codec: str, on_s: float) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=PIN_MENU) as gateway,
        Phone("intercom", takes_events=False, codecs=(codec,)) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        dial_tones(call, "1590", on_s, 0.05)
        call.wait_ended()

        house.wait(lambda: house.services, "the lock")
        assert [name for name, _ in house.services] == ["lock/open"]
        assert len(gateway.wait_lines("a digit was heard in-band", 4)) == 4
        assert not any("1590" in line for line in gateway.own_lines)


@pytest.mark.parametrize(("mode", "takes_events"), [("auto", True), ("off", False)])
def test_tones_are_only_sound_where_digits_come_otherwise(
    tmp_path: Path, mode: str, *, takes_events: bool
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, menu_file=LISTENS, SIP1_OPTIONS=f"--inband-dtmf {mode}"
        ) as gateway,
        Phone("p", takes_events=takes_events) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        dial_tones(call, "1234")
        said_all(call)
        call.type_by_info("9")  # comes after what the tones would have given
        house.wait(lambda: digits_of(house)[-1:] == "9", "the digit by INFO")
        time.sleep(A_MOMENT_S)  # nothing is to come

        assert digits_of(house) == "9"


def test_on_takes_tones_and_events_of_the_same_digits_once(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, menu_file=LISTENS, SIP1_OPTIONS="--inband-dtmf on"
        ) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.stream.sends_both = True
        call.type_digits("1155")
        dial_tones(call, "1155", 0.1, 0.1)
        wait_until(lambda: len(call.stream.typed_at) == 4, "all digits are typed")
        said_all(call)
        time.sleep(A_MOMENT_S)  # for what must not come, and until both are digits of their own
        dial_tones(call, "7")
        house.wait(lambda: digits_of(house)[-1:] == "7", "the tone alone")
        call.type_digits("8")
        house.wait(lambda: digits_of(house)[-1:] == "8", "the event alone")

        assert digits_of(house) == "115578"


def test_a_peer_that_sends_tones_and_info_is_heard_once(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("p", takes_events=False) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        for digit in "2255":
            dial_tones(call, digit)
            call.type_by_info(digit)
            said_all(call)
        time.sleep(A_MOMENT_S)  # nothing is to come

        assert digits_of(house) == "2255"


def test_one_packet_in_twenty_lost_costs_hardly_a_digit(tmp_path: Path) -> None:
    typed = "1234567890" * 2
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("p", takes_events=False) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.stream.chance.seed(4733)
        call.stream.loses = 0.05
        dial_tones(call, typed)
        said_all(call)
        call.stream.loses = 0.0
        call.type_by_info("*")
        house.wait(lambda: "*" in digits_of(house), "the digit by INFO")
        time.sleep(A_MOMENT_S)

        heard = digits_of(house).replace("*", "")
        print(f"of {typed} {heard} was heard")
        assert len(heard) <= len(typed) + 1
        assert sum(digit in heard for digit in "1234567890") == 10
        assert len(heard) >= len(typed) - 2


def test_our_own_digits_that_come_back_are_no_digits(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("p", takes_events=False) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        gateway.command({"command": "send_dtmf", "number": "p", "digits": "123"})
        send_back(call, call.wait_sound())
        gateway.wait_log("is the echo of ours")
        said_all(call)
        time.sleep(2 * A_MOMENT_S)
        dial_tones(call, "6")
        house.wait(lambda: digits_of(house), "a digit of the phone's own")

        assert digits_of(house) == "6"


def test_digits_of_a_bridged_call_that_come_back_are_no_digits(tmp_path: Path) -> None:
    """Both callers send tones only; what one types, the other's line sends back."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("door", takes_events=False) as door,
        Phone("hall", takes_events=False) as hall,
    ):
        one, other = (phone.call(gateway.uri).wait_answered() for phone in (door, hall))
        house.wait(lambda: house.event_names.count("call_established") == 2, "both calls")
        gateway.command({"command": "bridge_audio", "number": "door", "bridge_to": "hall"})
        dial_tones(one, "123")
        send_back(other, other.wait_sound())
        said_all(other)
        gateway.wait_log("is the echo of a bridged call's")
        time.sleep(A_MOMENT_S)  # nothing is to come
        dial_tones(other, "6")
        house.wait(lambda: "6" in digits_of(house), "a digit of the other phone's own")

        assert digits_of(house) == "1236"


def test_digits_in_tones_go_on_after_hold(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("p", takes_events=False) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        assert call.reinvite("sendonly") == 200
        assert call.reinvite("sendrecv") == 200
        dial_tones(call, "42")

        house.wait(lambda: digits_of(house) == "42", "both digits")


def test_a_recording_goes_on_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "both.wav"
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=LISTENS) as gateway,
        Phone("p", takes_events=False) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        gateway.command({"command": "start_recording", "number": "p", "recording_file": str(file)})
        house.wait_event("recording_started")
        dial_tones(call, "42")
        house.wait(lambda: digits_of(house) == "42", "both digits")
        call.hang_up()
        house.wait_event("call_disconnected")

        wait_until(file.exists, "the recording")
        assert max(read_wav(file)) > 1_000
