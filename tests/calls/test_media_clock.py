"""pjsip's clock of media rests while there are no calls, and nobody hears that it did."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import BUILDS, python_of
from support.together import Together
from support.waiting import wait_until

waiting = Together()
CLOCK = "clock"  # pjsip's name of its thread


def threads_of(pid: int) -> list[str]:
    """Return the names of a process's threads."""
    names = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            names.append((task / "comm").read_text(encoding="utf-8").strip())
    return names


@pytest.mark.parametrize("build", BUILDS)
@waiting
def test_the_clock_runs_with_the_first_call_stops_after_the_last_and_runs_again(
    tmp_path: Path, build: str
) -> None:
    prompt = tmp_path / "tone.wav"
    audio.write_wav(prompt, audio.sine(1500, 1.0))
    menu = {"menu": {"audio_file": str(prompt)}}
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file=menu) as gateway,
        Phone("p") as phone,
    ):
        assert CLOCK not in threads_of(gateway.pid)
        call = phone.call(gateway.uri).wait_answered()
        call.wait_sound()
        assert CLOCK in threads_of(gateway.pid)
        call.hang_up()
        wait_until(lambda: CLOCK not in threads_of(gateway.pid), "the clock has stopped")

        phone.call(gateway.uri).wait_answered().wait_sound()
