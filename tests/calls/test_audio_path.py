"""What is played is what arrives: by frequency, level and completeness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from pathlib import Path

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
