"""The other side hangs up at the worst moment, commands meet: nothing raises, nothing stays.

Every race is run over a range of delays, since nobody knows which one is the worst.
"""

from __future__ import annotations

import socket
import time
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.open_line import OpenLine, open_line, wait_until_over
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.phone import PhoneCall

DELAYS_S = [0.0, 0.002, 0.01, 0.03, 0.06, 0.12, 0.25]
TAKEN_BACK = 15
HELLO = {"menu": {"message": "Hello there", "timeout": 60}}


class Arena:
    """A gateway that takes one call after the other."""

    def __init__(self, gateway: GatewayProcess, house: StandInHomeAssistant, folder: Path) -> None:
        self.gateway = gateway
        self.house = house
        self.folder = folder
        self.round = 0

    def command(self, verb: str, number: str, **fields: Any) -> None:
        """Send a command."""
        self.gateway.command({"command": verb, "number": number, **fields})

    def dial(self, phone: Phone, **fields: Any) -> PhoneCall:
        """Have the gateway call a phone, and wait until the call is up."""
        count = self.house.event_names.count("call_established")
        self.command("dial", phone.uri, **fields)
        call = phone.wait_call().wait_answered()
        self.house.wait(
            lambda: self.house.event_names.count("call_established") > count, "established"
        )
        return call

    def rest(self) -> None:
        """Wait until no call is left; every one has told its beginning and its end, in order."""
        self.round += 1
        wait_until_over(self.gateway, self.house)
        told: dict[str, list[str]] = {}
        for event in self.house.events:
            if "call_id" in event:
                told.setdefault(event["call_id"], []).append(event["event"])
        assert told
        for names in told.values():
            assert names[0] in ("incoming_call", "outgoing_call_initiated")
            assert names[-1] == "call_disconnected"
            assert names.count("call_disconnected") == 1
        bad = [line for line in self.gateway.lines if "Traceback" in line or "ERROR" in line]
        assert bad == []


def quick_line(folder: Path) -> AbstractContextManager[OpenLine]:
    """Run a gateway that does not wait before it speaks."""
    return open_line(folder, menu_file=HELLO, SIP1_SETTLE_TIME="0")


@pytest.fixture(scope="module")
def shared_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenLine]:
    with quick_line(tmp_path_factory.mktemp("arena")) as line:
        yield line


@pytest.fixture
def arena(line: OpenLine) -> Arena:
    return Arena(line.gateway, line.house, line.folder)


@pytest.fixture
def own_arena(tmp_path: Path) -> Iterator[Arena]:
    """Return one whose pjsip keeps no call of another test's, which it does while a BYE is open."""
    with quick_line(tmp_path) as line:
        yield Arena(line.gateway, line.house, line.folder)


def both_ways(arena: Arena, phone: Phone, begin: Callable[[PhoneCall], None]) -> None:
    """Begin something in a call, then end it: the peer at once and later, and so do we."""
    for delay_s in DELAYS_S:
        for peer_ends in (True, False):
            call = arena.dial(phone)
            begin(call)
            time.sleep(delay_s)
            if peer_ends:
                call.hang_up()
            else:
                arena.command("hangup", phone.uri)
            call.wait_ended()
            arena.rest()


def test_the_end_during_speech_synthesis(arena: Arena) -> None:
    arena.house.delays_s["tts_get_url"] = 0.1
    with ExitStack() as stack:
        phone = stack.enter_context(Phone("p"))
        stack.callback(arena.house.delays_s.clear)
        both_ways(
            arena,
            phone,
            lambda _: arena.command(
                "play_message", phone.uri, message=f"This is number {arena.round}"
            ),
        )


def test_the_end_during_conversion_and_playback(arena: Arena) -> None:
    tone, name = arena.folder / "tone.wav", str(arena.folder / "tone.wav")
    audio.write_wav(tone, audio.sine(440, 0.2, -12))
    with Phone("p") as phone:
        both_ways(
            arena, phone, lambda _: arena.command("play_audio_file", phone.uri, audio_file=name)
        )


def test_the_end_during_a_recording(arena: Arena) -> None:
    with Phone("p") as phone:
        both_ways(
            arena,
            phone,
            lambda _: arena.command(
                "start_recording", phone.uri, recording_file=f"{arena.folder}/{arena.round}.wav"
            ),
        )
    # Each file that was told of is whole; one that nothing was recorded to is gone.
    stopped = [e for e in arena.house.events if e["event"] == "recording_stopped"]
    files = sorted(event["recording_file"] for event in stopped)
    wait_until(
        lambda: files == sorted(map(str, arena.folder.glob("*.wav"))), "only what was told of"
    )
    for file in files:
        audio.read_wav(arena.folder / file)


def test_the_end_during_digits(arena: Arena) -> None:
    methods = ["in_band", "rfc2833", "sip_info"]
    with Phone("p") as phone:
        both_ways(
            arena,
            phone,
            lambda _: arena.command(
                "send_dtmf", phone.uri, digits="123", method=methods[arena.round % 3]
            ),
        )


def test_the_end_during_bridging(arena: Arena) -> None:
    with Phone("a") as a, Phone("b") as b:
        for delay_s in DELAYS_S:
            call_a, call_b = arena.dial(a), arena.dial(b)
            arena.command("bridge_audio", a.uri, bridge_to=b.uri)
            time.sleep(delay_s)
            call_a.hang_up()
            call_b.hang_up()
            arena.rest()


def test_the_end_during_a_transfer(arena: Arena) -> None:
    with Phone("p") as phone:
        both_ways(
            arena, phone, lambda _: arena.command("transfer", phone.uri, transfer_to="sip:x@pbx")
        )
    results = [e for e in arena.house.events if e["event"] == "transfer_result"]
    assert {result["success"] for result in results} <= {False}


def test_a_caller_who_gives_up_between_180_and_200(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={**HELLO, "answer_after": 0.1}) as gateway,
        Phone("p") as phone,
    ):
        arena = Arena(gateway, house, tmp_path)
        for delay_s in [0.0, 0.05, 0.09, 0.095, 0.1, 0.105, 0.11, 0.15]:
            call = phone.call(gateway.uri)
            call.wait_status(180)
            time.sleep(delay_s)
            call.hang_up()
            # A CANCEL that crosses the 200 comes too late, and BYE has to follow.
            wait_until(lambda: call.is_ended.is_set() or call.is_answered.is_set(), "an answer")  # noqa: B023
            call.close()
            house.wait(
                lambda: house.event_names.count("call_disconnected") > arena.round, "its end"
            )
            arena.rest()


def test_a_phone_that_answers_while_we_give_up(own_arena: Arena) -> None:
    for delay_s in DELAYS_S:
        with Phone("p", answer_after_s=None) as phone:
            own_arena.command("dial", phone.uri)
            call = phone.wait_call()
            call.ring()
            own_arena.command("hangup", phone.uri)
            time.sleep(delay_s / 10)
            if not call.is_ended.is_set():
                call.answer()
            call.wait_ended()
        own_arena.rest()


@pytest.mark.parametrize(
    "pair",
    [
        (("hangup", {}), ("hangup", {})),
        (("play_message", {"message": "one"}), ("play_message", {"message": "two"})),
        (("play_message", {"message": "one"}), ("hangup", {})),
        (("hangup", {}), ("play_message", {"message": "one"})),
        (("transfer", {"transfer_to": "sip:x@pbx"}), ("hangup", {})),
        (("hangup", {}), ("start_recording", {"recording_file": "{folder}/r.wav"})),
        (("start_recording", {"recording_file": "{folder}/r.wav"}), ("stop_recording", {})),
        (("send_dtmf", {"digits": "12"}), ("stop_playback", {})),
        (("answer", {"menu": {"message": "three"}}), ("hangup", {})),
    ],
    ids=lambda pair: "-".join(verb for verb, _ in pair),
)
def test_two_commands_for_one_call_at_once(
    arena: Arena, pair: tuple[tuple[str, dict[str, Any]], ...]
) -> None:
    with Phone("p") as phone:
        for _ in range(3):
            call = arena.dial(phone)
            for verb, fields in pair:
                filled = {
                    key: value.format(folder=arena.folder) if isinstance(value, str) else value
                    for key, value in fields.items()
                }
                arena.command(verb, phone.uri, **filled)
            time.sleep(0.05)
            call.hang_up()
            call.wait_ended()
            arena.rest()


def test_a_digit_at_the_end_of_the_prompt_counts_once(arena: Arena) -> None:
    tone = arena.folder / "tone.wav"
    audio.write_wav(tone, audio.sine(440, 0.2, -12))
    menu = {
        "audio_file": str(tone),
        "post_action": "repeat_message",
        "choices": {"5": {"id": "five", "post_action": "return"}},
    }
    with Phone("p") as phone:
        call = arena.dial(phone, menu=menu)
        call.wait_sound()
        for number in range(12):
            # The prompt is 200 ms long and plays again and again: this wanders over its end.
            time.sleep(0.19 + 0.005 * number)
            call.type_digits("5")
            arena.house.wait(lambda: arena.house.event_names.count("dtmf_digit") > number, "5")  # noqa: B023
        call.hang_up()
        arena.rest()
    assert arena.house.event_names.count("dtmf_digit") == 12
    assert arena.house.event_names.count("entered_menu") == 12


def test_a_prompt_that_is_stopped_as_it_ends(own_arena: Arena) -> None:
    """A player's end came on a thread of pjsip's, and met the player's deletion on ours."""
    tone = own_arena.folder / "tone.wav"
    audio.write_wav(tone, audio.sine(440, 0.1, -12))
    with ExitStack() as stack:
        phones = [stack.enter_context(Phone(name)) for name in ("a", "b", "c")]
        calls = [own_arena.dial(phone) for phone in phones]
        for number in range(30):
            for phone in phones:
                own_arena.command("play_audio_file", phone.uri, audio_file=str(tone))
            # The prompt is 100 ms long: this wanders over its end.
            time.sleep(0.1 + 0.002 * number)
            for phone in phones:
                own_arena.command("stop_playback", phone.uri)
        for call in calls:
            call.hang_up()
        own_arena.rest()
    ended = own_arena.house.event_names.count("playback_done")
    assert 0 < ended < 90, "some were stopped, and some were not"


def test_a_call_that_is_taken_back_before_it_could_ring(tmp_path: Path) -> None:
    """Both messages are there before the loop hears of the call: it is told of all the same."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_ANSWER_MODE="listen") as gateway,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        caller.bind(("127.0.0.1", 0))
        via = f"SIP/2.0/UDP 127.0.0.1:{caller.getsockname()[1]};branch=z9hG4bK"
        for number in range(TAKEN_BACK):
            for method in ("INVITE", "CANCEL"):
                request = (
                    f"{method} {gateway.uri} SIP/2.0\r\nVia: {via}{number}\r\n"
                    f"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <{gateway.uri}>\r\n"
                    f"Call-ID: taken-back-{number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
                    f"Contact: <sip:{caller.getsockname()[0]}>\r\nContent-Length: 0\r\n\r\n"
                )
                caller.sendto(request.encode(), gateway.address)
            house.wait(
                lambda: house.event_names.count("call_disconnected") > number,  # noqa: B023
                "the end",
            )
        Arena(gateway, house, tmp_path).rest()
