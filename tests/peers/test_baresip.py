"""Calls with baresip: other codecs, and what it does with the call."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.baresip import TONE_HZ, Baresip
from support.open_line import OpenLine, open_line
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = on_builds(*BUILDS)

# As the gateway names them, and as baresip does.
CODECS = {"opus": "opus/48000/2", "G722": "G722/16000", "PCMA": "PCMA/8000", "PCMU": "PCMU/8000"}
WITHOUT_OPUS = "wheel"
PROMPT = "Somebody is at the garden gate, and the dog has seen him"
LEAST_ALIKE = 0.7  # another sentence gets up to 0.5


@pytest.fixture(scope="module")
def shared_line(tmp_path_factory: pytest.TempPathFactory, build: str) -> Iterator[OpenLine]:
    """Return a gateway that does not wait long for sound."""
    options = "--ice off --follow-transfer on --rtp-timeout 2"
    with open_line(
        tmp_path_factory.mktemp("line"), python=python_of(build), SIP1_OPTIONS=options
    ) as line:
        yield line


def test_every_codec_is_spoken_both_ways(line: OpenLine, build: str) -> None:
    """The prompt is heard there, a tone here, and digits go both ways; in calls at once."""
    codecs = {name: CODECS[name] for name in CODECS if name != "opus" or build != WITHOUT_OPUS}
    house = line.house

    def all_have(event: str) -> None:
        house.wait(lambda: house.event_names.count(event) == len(codecs), f"{event} of all calls")

    with ExitStack() as stack:
        phones = {
            name: stack.enter_context(Baresip(line.folder / name, codec))
            for name, codec in codecs.items()
        }
        for phone in phones.values():
            line.command("dial", phone.uri)
        all_have("call_established")
        for name, phone in phones.items():
            file = str(line.folder / f"{name}.wav")
            line.command("start_recording", phone.uri, recording_file=file)
            line.command("play_message", phone.uri, message=PROMPT)
        all_have("playback_done")
        for phone in phones.values():
            line.command("send_dtmf", phone.uri, digits="42", method="rfc2833")
        for phone in phones.values():
            phone.wait_said("received event: '2' (end=1)")
            phone.command("sndcode", "5")
        all_have("dtmf_digit")
        for phone in phones.values():
            line.command("hangup", phone.uri)
        all_have("recording_stopped")
        all_have("call_disconnected")
        for name, phone in phones.items():
            phone.wait_said("session closed")
            phone.wait_said(f"Set audio encoder: {name}")
    prompt = audio.read_wav(house.speak(PROMPT))
    alike = {name: audio.likeness(phone.heard, prompt) for name, phone in phones.items()}
    print(f"the prompts are alike by {alike}")
    assert min(alike.values()) > LEAST_ALIKE
    for name in codecs:
        assert audio.seconds_of(audio.read_wav(line.folder / f"{name}.wav"), TONE_HZ) > 1.0


def test_the_prompt_waits_while_baresip_holds_the_line(line: OpenLine) -> None:
    """The line is held for longer than the prompt lasts; then the rest of it is played.

    baresip 1.0 records nothing after a hold; so how long the rest takes shows how much it is.
    """
    house = line.house
    with Baresip(line.folder / "baresip", CODECS["PCMA"]) as baresip:
        line.command("dial", baresip.uri, menu={"audio_file": line.tone(2.0)})
        house.wait_event("call_established")
        baresip.command("hold")
        line.gateway.wait_log("sendonly")
        time.sleep(2.2)
        assert "playback_done" not in house.event_names
        resumed = time.monotonic()
        baresip.command("resume")
        house.wait_event("playback_done")
        rest_s = time.monotonic() - resumed
        line.command("hangup", baresip.uri)
        baresip.wait_said("session closed")

        before_s = audio.seconds_of(baresip.heard, 1500)
        print(f"{before_s:.1f} s before the hold, {rest_s:.1f} s after it")
        assert rest_s > 2.0 - before_s - 0.4
        assert line.ended()["outcome"] == "completed"


def test_baresip_hands_the_line_on(line: OpenLine) -> None:
    menu = {"audio_file": line.tone(0.5), "choices": {"1": {"post_action": "hangup"}}}
    with Baresip(line.folder / "baresip", CODECS["PCMA"]) as baresip, Phone("p") as phone:
        line.command("dial", baresip.uri, menu=menu)
        line.house.wait_event("call_established")
        baresip.command("transfer", phone.uri)
        call = phone.wait_call().wait_answered()
        call.wait_sound()
        call.type_digits("1")
        call.wait_ended()

        assert line.house.wait_event("call_transferred")["remote_uri"] == phone.uri
        assert line.ended()["outcome"] == "completed"


def test_a_baresip_that_stops_without_a_word_is_hung_up_on(line: OpenLine) -> None:
    """Its process stands still: neither RTP nor a BYE comes."""
    baresip = Baresip(line.folder / "baresip", CODECS["PCMA"])
    with baresip:
        line.command("dial", baresip.uri)
        line.house.wait_event("call_established")
        wait_until(lambda: "audio=6" in baresip.said, "sound both ways")
        stopped = time.monotonic()
        baresip.signal(signal.SIGSTOP)
        try:
            ended = line.ended()
        finally:
            baresip.signal(signal.SIGCONT)
        took_s = time.monotonic() - stopped

        assert (ended["outcome"], ended["hangup_by"]) == ("no_audio", "local")
        assert ended["sip_reason"] == "no RTP for 2 s"
        assert 1.5 < took_s < 10
        baresip.wait_said("session closed")  # it gets the BYE when it goes on


def test_a_baresip_that_has_no_codec_of_ours_refuses_and_the_log_names_what_we_offered(
    line: OpenLine,
) -> None:
    with Baresip(line.folder / "baresip", "L16/44100/2") as baresip:
        line.command("dial", baresip.uri)

        assert line.ended()["outcome"] == "not_acceptable"
        said = line.gateway.wait_log("refused with 488: we offered")
        assert "PCMA, PCMU" in said
