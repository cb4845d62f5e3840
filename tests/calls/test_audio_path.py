"""What is played is what arrives: by frequency, level and completeness."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.phone import PhoneCall

LEVEL_DBFS = -12.0


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_a_played_tone_arrives_with_its_frequency_level_and_length(
    tmp_path: Path, rate_hz: int
) -> None:
    tone = tmp_path / "tone.wav"
    ratio = rate_hz / audio.RATE_HZ
    audio.write_wav(tone, audio.sine(1004 / ratio, 1.5 * ratio, LEVEL_DBFS), rate_hz)
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house) as gateway,
        Phone("p") as phone,
    ):
        gateway.command({"command": "dial", "number": phone.uri})
        call = phone.wait_call().wait_answered()
        house.wait_event("call_established")
        gateway.command({"command": "play_audio_file", "number": "p", "audio_file": str(tone)})
        start = call.wait_sound()
        house.wait_event("playback_done")
        end = call.wait_quiet(since=start)

    heard = call.stream.samples[start + 1600 : start + 9600]
    assert audio.tone_dbfs(heard, 1004) == pytest.approx(LEVEL_DBFS, abs=1.0)
    assert audio.level_dbfs(heard) == pytest.approx(LEVEL_DBFS, abs=1.0)
    assert audio.tone_dbfs(heard, 700) < LEVEL_DBFS - 30
    loud = sum(
        audio.level_dbfs(call.stream.samples[at : at + 160]) > -40 for at in range(start, end, 160)
    )
    assert loud * 0.02 == pytest.approx(1.5, abs=0.15)
    numbers = call.stream.sequence_numbers
    assert numbers == [(numbers[0] + index) & 0xFFFF for index in range(len(numbers))]


def test_a_file_that_is_not_there_is_the_error_sound_and_a_line_in_the_log(
    tmp_path: Path,
) -> None:
    menu = {"menu": {"audio_file": str(tmp_path / "nothing.mp3")}}
    with GatewayProcess(tmp_path, menu_file=menu) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.wait_quiet()

        assert "nothing.mp3: there is no such file" in gateway.wait_log("error sound")


def test_what_is_no_file_is_named_and_a_file_that_changes_is_heard_as_it_was(
    tmp_path: Path,
) -> None:
    tone, folder, pipe = tmp_path / "tone.wav", tmp_path / "folder", tmp_path / "pipe.wav"
    folder.mkdir()
    os.mkfifo(pipe)
    audio.write_wav(tone, audio.sine(1004, 1.5, LEVEL_DBFS))
    with GatewayProcess(tmp_path, menu_file={}) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        gateway.wait_log("CallEstablished")
        play = {"command": "play_audio_file", "number": "p"}
        for path, kind in ((folder, "folder"), (pipe, "pipe"), (Path("/dev/zero"), "device")):
            gateway.command({**play, "audio_file": str(path)})
            gateway.wait_log(f"{path}: is a {kind}, not a file")
        gateway.command({"command": "stop_playback", "number": "p"})
        since = call.wait_quiet()
        gateway.command({**play, "audio_file": str(tone)})
        start = call.wait_sound(since=since)
        audio.write_wav(tone, audio.sine(440, 0.6, LEVEL_DBFS))
        end = call.wait_quiet(since=start)

        assert end - start > 1.3 * audio.RATE_HZ
        assert audio.tone_dbfs(call.stream.samples[start + 1600 : start + 10_000], 1004) > -15
        call.hang_up()
        gateway.wait_log("Removing call")
        seen = len(gateway.lines)
        call = phone.call(gateway.uri).wait_answered()
        gateway.wait_log("CallEstablished", since=seen)
        gateway.command({**play, "audio_file": str(tone)})
        start = call.wait_sound()
        call.wait_samples(start + 3200)
        assert audio.tone_dbfs(call.stream.samples[start + 800 : start + 3200], 440) > -15


@pytest.mark.parametrize("how", ["digit", "command"])
def test_a_prompt_that_is_interrupted_stops_within_100_ms(tmp_path: Path, how: str) -> None:
    tone = tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(1004, 10, LEVEL_DBFS))
    menu = {"menu": {"audio_file": str(tone), "choices": {"12": {}}}}
    took_s = []
    with GatewayProcess(tmp_path, menu_file=menu) as gateway, Phone("p") as phone:
        # A busy machine may hold either of us up, but not every time.
        while not took_s or (min(took_s) >= 0.1 and len(took_s) < 5):
            took_s.append(interrupted(gateway, phone.call(gateway.uri).wait_answered(), how))

    print(f"silent {1000 * min(took_s):.0f} ms after the {how}, of {len(took_s)} tries")
    assert min(took_s) < 0.1


def interrupted(gateway: GatewayProcess, call: PhoneCall, how: str) -> float:
    """Return how long the prompt of a call is heard after a digit, or a command."""
    call.wait_samples(call.wait_sound() + 2000)
    if how == "digit":
        call.type_digits("1")
        wait_until(lambda: call.stream.typed_at, "the digit's first packet")
        at = call.stream.typed_at[0]
    else:
        at = time.monotonic()
        gateway.command({"command": "stop_playback", "number": "p"})
    call.wait_quiet()
    last_loud = max(
        arrived
        for arrived, position in zip(call.stream.arrivals, itertools.count(0, 160), strict=False)
        if audio.level_dbfs(call.stream.samples[position : position + 160]) > -40
    )
    call.hang_up()
    return last_loud - at


@pytest.mark.parametrize("kind", ["mp3", "ogg", "flac", "m4a", "opus"])
def test_a_file_of_any_kind_is_played(tmp_path: Path, kind: str) -> None:
    source, file = tmp_path / "tone.wav", tmp_path / f"tone.{kind}"
    audio.write_wav(source, audio.sine(1004, 1.0, LEVEL_DBFS))
    command = ["ffmpeg", "-v", "error", "-i", str(source), str(file)]
    subprocess.run(command, check=True, timeout=20, stdin=subprocess.DEVNULL)
    menu = {"menu": {"audio_file": str(file)}}
    with GatewayProcess(tmp_path, menu_file=menu) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        start = call.wait_sound()
        call.wait_samples(start + 6000)

        heard = call.stream.samples[start + 1600 : start + 5600]
        assert audio.tone_dbfs(heard, 1004) == pytest.approx(LEVEL_DBFS, abs=1.5)
