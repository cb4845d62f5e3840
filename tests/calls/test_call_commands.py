"""Commands to a call that is up: digits, transfer, bridge, recording. With real SIP and audio."""

from __future__ import annotations

import contextlib
import itertools
import time
import wave
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.open_line import LEVEL_DBFS, OpenLine
from support.phone import Phone, PhoneCall
from support.phone.phone import SILENCE
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Line(OpenLine):
    """A line whose commands are about the calls of a phone."""

    def tell(self, verb: str, phone: Phone, **fields: Any) -> None:
        """Send a command for a call."""
        self.command(verb, phone.uri, **fields)

    def events_of(self, phone: Phone) -> list[str]:
        """Return the names of the events of the call with a phone."""
        return [e["event"] for e in self.house.events if e.get("internal_id") == phone.uri]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event."""
        return self.house.wait_event(name)


@contextlib.contextmanager
def a_line(folder: Path) -> Iterator[Line]:
    """Run a gateway."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house, menu_file={}) as gateway,
    ):
        yield Line(gateway, house, folder)


@pytest.fixture(scope="module")
def shared_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with a_line(tmp_path_factory.mktemp("line")) as line:
        yield line


# --- digits ---------------------------------------------------------------------------------


def test_digits_in_band_are_heard_as_tone_pairs_and_then_it_hangs_up(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="0123456789*#abcd", post_action="hangup")
        call.wait_ended()

        assert audio.dtmf_digits(call.stream.samples) == "0123456789*#ABCD"
        assert call.stream.events == []
        assert call.ended_by_peer


def test_digits_as_events_are_sent_as_rfc_4733_says(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="12#", method="rfc2833", post_action="hangup")
        call.wait_ended()

        assert call.stream.heard_digits == "12#"
        by_digit = {event.timestamp: [] for event in call.stream.events}
        for event in call.stream.events:
            by_digit[event.timestamp].append(event)
        assert len(by_digit) == 3
        for packets in by_digit.values():
            # The end is sent three times (§2.5.1.4); the tone lasts for at least 40 ms.
            assert sum(packet.is_end for packet in packets) == 3
            assert max(packet.duration for packet in packets) >= 320
        assert audio.dtmf_digits(call.stream.samples) == ""


def test_digits_by_info_go_one_at_a_time(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="5*7", method="sip_info", post_action="hangup")
        call.wait_ended()

        bodies = [body for _, body in call.infos]
        assert [body.split()[0] for body in bodies] == ["Signal=5", "Signal=*", "Signal=7"]
        times = [at for at, _ in call.infos]
        assert min(after - before for before, after in itertools.pairwise(times)) > 0.2


def test_a_phone_that_takes_no_events_gets_info_instead(line: Line) -> None:
    with Phone("p", takes_events=False) as phone:
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="42", method="rfc2833", post_action="hangup")
        call.wait_ended()

        assert [body.split()[0] for _, body in call.infos] == ["Signal=4", "Signal=2"]


def test_digits_that_a_phone_refuses_are_a_command_that_failed(line: Line) -> None:
    with Phone("p") as phone:
        phone.refuses["INFO"] = 415
        call = line.dial(phone)
        line.tell(
            "send_dtmf", phone, digits="42", method="sip_info", post_action="hangup", request_id="d"
        )
        failed = line.event("command_failed")

        assert failed["command"] == "send_dtmf"
        assert failed["request_id"] == "d"
        assert "415" in failed["error"]
        assert len(call.infos) == 2
        assert not call.is_ended.is_set()


def test_a_phone_that_does_not_answer_a_digit_by_info_is_told(line: Line) -> None:
    with Phone("p") as phone:
        phone.refuses["INFO"] = SILENCE
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="42", method="sip_info")
        error = line.event("command_failed")["error"]

        assert error == "no answer to a digit by INFO within 4 s"
        assert {body.split()[0] for _, body in call.infos} == {"Signal=4"}


def test_two_commands_of_digits_follow_each_other(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("send_dtmf", phone, digits="12")
        line.tell("send_dtmf", phone, digits="34", method="rfc2833")
        line.tell("send_dtmf", phone, digits=56, post_action="hangup")
        call.wait_ended()

        assert audio.dtmf_digits(call.stream.samples) == "1256"
        assert call.stream.heard_digits == "34"


# --- transfer -------------------------------------------------------------------------------


def test_a_transfer_that_succeeds_ends_our_call(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("transfer", phone, transfer_to="sip:**623@fritz.box", request_id="t")
        wait_until(lambda: call.refers, "REFER")
        assert call.refers[0]["refer-to"] == "sip:**623@fritz.box"
        assert call.notify("SIP/2.0 180 Ringing", final=False) == 200
        assert not call.is_ended.is_set()
        assert call.notify("SIP/2.0 200 OK", final=True) == 200
        result = line.event("transfer_result")
        call.wait_ended()

        assert (result["sip_code"], result["success"]) == (200, True)
        assert result["request_id"] == "t"
        names = line.house.event_names
        line.event("call_disconnected")
        assert names.index("transfer_result") < line.house.event_names.index("call_disconnected")


@pytest.mark.parametrize("how", ["refused", "busy"])
def test_a_transfer_that_fails_keeps_the_call(line: Line, how: str) -> None:
    with Phone("p") as phone:
        if how == "refused":
            phone.refuses["REFER"] = 603
        call = line.dial(phone)
        line.tell("transfer", phone, transfer_to="623")
        wait_until(lambda: call.refers, "REFER")
        assert call.refers[0]["refer-to"] == f"sip:623@127.0.0.1:{line.gateway.port}"
        if how == "busy":
            call.notify("SIP/2.0 486 Busy Here", final=True)
        result = line.event("transfer_result")

        assert result["success"] is False
        assert result["sip_code"] == (603 if how == "refused" else 486)
        assert not call.is_ended.is_set()
        line.tell("send_dtmf", phone, digits="1", post_action="hangup")
        call.wait_ended()


def test_a_peer_that_hangs_up_during_a_transfer_is_told_before_the_end(line: Line) -> None:
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("transfer", phone, transfer_to="sip:x@127.0.0.1")
        wait_until(lambda: call.refers, "REFER")
        call.notify("SIP/2.0 100 Trying", final=False)
        call.hang_up()
        line.event("call_disconnected")

        result = line.event("transfer_result")
        assert (result["sip_code"], result["success"]) == (100, False)
        assert line.house.event_names.index("transfer_result") < line.house.event_names.index(
            "call_disconnected"
        )


# --- bridge ---------------------------------------------------------------------------------


def hears(call: PhoneCall, frequency_hz: int) -> None:
    """Wait until a phone hears a tone, and next to nothing else."""

    def loud() -> bool:
        last = call.stream.samples[-1600:]
        return (
            audio.tone_dbfs(last, frequency_hz) > LEVEL_DBFS - 2
            and audio.level_dbfs(last) < LEVEL_DBFS + 2
        )

    wait_until(loud, f"{frequency_hz} Hz at {call.phone.name}")


def test_two_bridged_phones_hear_each_other_until_one_hangs_up(line: Line) -> None:
    with Phone("a") as a, Phone("b") as b:
        call_b = line.dial(b)
        call_a = line.dial(a, menu={"timeout": 1.5, "message": ""})
        line.tell("bridge_audio", a, bridge_to=b.uri)
        call_a.stream.say(audio.sine(500, 20, LEVEL_DBFS))
        call_b.stream.say(audio.sine(1100, 20, LEVEL_DBFS))
        hears(call_b, 500)
        hears(call_a, 1100)
        time.sleep(1.8)  # longer than the menu's timeout, which must not end a conversation
        assert not call_a.is_ended.is_set()

        call_b.hang_up()
        call_a.wait_quiet()
        call_a.wait_ended()  # by its menu's timeout, which runs again


def test_a_bridge_survives_a_reinvite_and_hold(line: Line) -> None:
    with Phone("a") as a, Phone("b") as b:
        call_a, call_b = line.dial(a), line.dial(b)
        line.tell("bridge_audio", a, bridge_to="b")
        call_a.stream.say(audio.sine(500, 20, LEVEL_DBFS))
        hears(call_b, 500)
        assert call_a.reinvite("sendonly") == 200
        assert call_a.reinvite("inactive") == 200
        call_b.wait_quiet()
        assert call_a.reinvite("sendrecv") == 200
        hears(call_b, 500)


def test_a_caller_bridges_himself_by_a_digit(line: Line) -> None:
    with Phone("in") as a, Phone("flat") as b:
        call_b = line.dial(b)
        call_a = line.dial(
            a,
            menu={
                "choices": {
                    "1": {
                        "action": {"command": "bridge_audio", "number": "self", "bridge_to": b.uri}
                    }
                }
            },
        )
        call_a.type_digits("1")
        call_b.stream.say(audio.sine(800, 10, LEVEL_DBFS))
        hears(call_a, 800)


@pytest.mark.parametrize(
    ("bridge_to", "error"),
    [("nobody", 'no active call matches "nobody"'), ("a", "cannot be bridged with itself")],
)
def test_a_bridge_that_cannot_be_is_told(line: Line, bridge_to: str, error: str) -> None:
    with Phone("a") as a:
        line.dial(a)
        line.tell("bridge_audio", a, bridge_to=bridge_to)
        assert error in line.event("command_failed")["error"]


# --- recording ------------------------------------------------------------------------------


def test_a_recording_holds_both_sides(line: Line) -> None:
    tone = line.folder / "tone.wav"
    audio.write_wav(tone, audio.sine(1500, 1.0, LEVEL_DBFS))
    recording = line.folder / "call.wav"
    with Phone("p") as phone:
        call = line.dial(phone)
        line.tell("start_recording", phone, recording_file=str(recording), request_id="r")
        assert line.event("recording_started")["request_id"] == "r"
        call.stream.say(audio.sine(600, 1.5, LEVEL_DBFS))
        line.tell("play_audio_file", phone, audio_file=str(tone))
        line.event("playback_done")
        line.tell("send_dtmf", phone, digits="9", request_id="x")
        line.gateway.wait_log("digits were sent")
        line.tell("stop_recording", phone)
        stopped = line.event("recording_stopped")

        assert stopped["recording_file"] == str(recording)
        samples = audio.read_wav(recording)
        assert max(audio.tone_dbfs(w, 600) for w in windows(samples)) > LEVEL_DBFS - 3
        assert max(audio.tone_dbfs(w, 1500) for w in windows(samples)) > LEVEL_DBFS - 3
        assert max(audio.tone_dbfs(w, 852) for w in windows(samples)) > -30


def windows(samples: list[int]) -> list[list[int]]:
    """Return windows of 100 ms."""
    return [samples[at : at + 800] for at in range(0, len(samples) - 800, 800)]


@pytest.mark.parametrize("who", ["peer", "hangup", "quit"])
def test_a_recording_is_whole_however_the_call_ends(tmp_path: Path, who: str) -> None:
    recording = tmp_path / "call.wav"
    with a_line(tmp_path) as line, Phone("a") as a, Phone("b") as b:
        call_a, call_b = line.dial(a), line.dial(b)
        line.tell("start_recording", a, recording_file=str(recording))
        line.event("recording_started")
        line.tell("bridge_audio", a, bridge_to=b.uri)
        call_b.stream.say(audio.sine(600, 5, LEVEL_DBFS))
        hears(call_a, 600)
        call_a.wait_samples(len(call_a.stream.samples) + 1600)  # the file is a little behind
        if who == "peer":
            call_a.hang_up()
        else:
            line.gateway.command({"command": who, "number": a.uri})
        line.house.wait(
            lambda: line.events_of(a)[-2:] == ["recording_stopped", "call_disconnected"],
            "the end of the recording, then that of the call",
        )
        with contextlib.closing(wave.open(str(recording))) as wav:
            assert wav.getnframes() > 0.1 * wav.getframerate()
            size = wav.getnframes() * 2
        assert recording.stat().st_size == size + 44
        samples = audio.read_wav(recording)
        assert max(audio.tone_dbfs(w, 600) for w in windows(samples)) > LEVEL_DBFS - 3


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no/folder/x.wav", "does not exist; create it"),
        ("file/x.wav", "does not exist; create it"),
        ("x.mp3", "must be an absolute path that ends in .wav"),
    ],
)
def test_a_recording_that_cannot_be_is_told(line: Line, name: str, error: str) -> None:
    (line.folder / "file").touch()
    with Phone("p") as phone:
        line.dial(phone)
        line.tell("start_recording", phone, recording_file=str(line.folder / name))
        assert error in line.event("command_failed")["error"]


def test_a_recording_overwrites_nothing(line: Line) -> None:
    recording = line.folder / "call.wav"
    recording.write_text("precious")
    with Phone("a") as a, Phone("b") as b:
        line.dial(a)
        line.dial(b)
        line.tell("start_recording", a, recording_file=str(recording))
        line.event("recording_started")
        line.tell("start_recording", b, recording_file=str(recording))
        assert "is being recorded to" in line.event("command_failed")["error"]
        line.tell("stop_recording", a)
        line.event("recording_stopped")
        line.tell("start_recording", b, recording_file=str(recording))
        line.house.wait(
            lambda: line.house.event_names.count("recording_started") == 2, "the second recording"
        )
    kept = sorted(line.folder.glob("call.*.wav"))
    assert len(kept) == 2
    assert [path for path in kept if path.read_bytes() == b"precious"]


def test_what_is_not_recorded_cannot_be_stopped(line: Line) -> None:
    with Phone("p") as phone:
        line.dial(phone)
        line.tell("stop_recording", phone)
        assert "not being recorded" in line.event("command_failed")["error"]


# --- headers --------------------------------------------------------------------------------


def test_headers_that_are_asked_for_are_in_every_event(tmp_path: Path) -> None:
    headers = (("x-door", "front"), ("X-Door", "gate"), ("P-Asserted-Identity", "<sip:5@x>"))
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={},
            SIP1_OPTIONS="--extract-headers x-DOOR,p-asserted-identity,X-None",
            GLOBAL_OPTIONS="--bind-address 127.0.0.1 --debug-headers on --rtp-port 31000",
        ) as gateway,
        Phone("p", extra_headers=headers) as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.hang_up()
        house.wait_event("call_disconnected")
        expected = {"x-DOOR": "front, gate", "p-asserted-identity": "<sip:5@x>", "X-None": None}
        assert [event["headers"] for event in house.events] == [expected] * 3
        assert "header X-Door: gate" in gateway.wait_log("header X-Door: gate")

        count = len(house.events)
        gateway.command({"command": "dial", "number": phone.uri})
        phone.wait_call().wait_answered()
        house.wait(lambda: len(house.events) == count + 2, "established")
        assert house.events[count]["headers"] == dict.fromkeys(expected)
        assert house.events[-1]["headers"] == expected
