"""FILE_FOLDERS in a running gateway: what is named from outside is neither read nor written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEVEL_DBFS = -12.0
SECRET_HZ, OPEN_HZ = 600, 1500
OUTSIDE = "is outside of the allowed folders: "


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Folders with all that might lead out of the first of them."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "folder.wav").mkdir(parents=True)
    outside.mkdir()
    secret = outside / "secret.wav"
    audio.write_wav(secret, audio.sine(SECRET_HZ, 2.0, LEVEL_DBFS))
    audio.write_wav(inside / "open.wav", audio.sine(OPEN_HZ, 2.0, LEVEL_DBFS))
    os.mkfifo(inside / "pipe.wav")
    with secret.open("rb") as held:
        for name, target in {
            "link.wav": secret,
            "way-out": outside,
            "environ.wav": "/proc/self/environ",
            "descriptor.wav": f"/proc/{os.getpid()}/fd/{held.fileno()}",
            "stdin.wav": "/proc/self/fd/0",
            "zero.wav": "/dev/zero",
        }.items():
            (inside / name).symlink_to(target)
        (inside / "good-link.wav").symlink_to(inside / "open.wav")
        yield tmp_path


def test_files_from_outside_are_neither_read_nor_written_and_the_call_goes_on(place: Path) -> None:
    inside, outside = place / "inside", place / "outside"
    led_out = ("link.wav", "way-out/secret.wav", "environ.wav", "descriptor.wav", "zero.wav")
    unreadable = {
        **{str(inside / name): OUTSIDE for name in (*led_out, "stdin.wav")},
        f"{inside}/../outside/secret.wav": OUTSIDE,
        str(outside / "secret.wav"): OUTSIDE,
        "/proc/self/environ": OUTSIDE,
        "/etc/passwd": OUTSIDE,
        str(inside / "pipe.wav"): "is a pipe, not a file",
        str(inside / "folder.wav"): "is a folder, not a file",
    }
    unwritable = {
        **{str(inside / name): OUTSIDE for name in ("link.wav", "way-out/new.wav", "zero.wav")},
        f"{inside}/../outside/new.wav": OUTSIDE,
        str(outside / "new.wav"): OUTSIDE,
        str(inside / "pipe.wav"): "is a pipe, not a file",
        str(inside / "folder.wav"): "is a folder, not a file",
    }
    before = (outside / "secret.wav").read_bytes()
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            place, house=house, menu_file={}, FILE_FOLDERS=f"{place}/nothing, {inside}"
        ) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        for name, said in unreadable.items():
            seen = len(gateway.lines)
            gateway.command({"command": "play_audio_file", "number": "p", "audio_file": name})
            line = gateway.wait_log("The error sound is played instead: ", since=seen)
            assert name in line
            assert said in line
            assert said != OUTSIDE or f"{place}/nothing, {inside}; move it there" in line
        for count, (name, said) in enumerate(unwritable.items(), 1):
            gateway.command({"command": "start_recording", "number": "p", "recording_file": name})
            house.wait(lambda: house.event_names.count("command_failed") == count, name)  # noqa: B023
            error = [e["error"] for e in house.events if e["event"] == "command_failed"][-1]
            assert name in error
            assert said in error

        # The call goes on: what is allowed is played and recorded.
        record = {"number": "p", "recording_file": str(inside / "new.wav")}
        gateway.command({"command": "start_recording", **record})
        house.wait_event("recording_started")
        gateway.command({"command": "stop_playback", "number": "p"})
        heard = call.stream.samples
        since = call.wait_quiet()
        play = {"number": "p", "audio_file": str(inside / "good-link.wav")}
        gateway.command({"command": "play_audio_file", **play})
        start = call.wait_sound(since=since)
        call.wait_samples(start + audio.RATE_HZ)
        assert loudest(heard[start:], OPEN_HZ) > LEVEL_DBFS - 3
        assert loudest(heard, SECRET_HZ) < LEVEL_DBFS - 20
        gateway.command({"command": "stop_recording", "number": "p"})
        house.wait_event("recording_stopped")
        assert loudest(audio.read_wav(inside / "new.wav"), OPEN_HZ) > LEVEL_DBFS - 3

        assert sorted(path.name for path in outside.iterdir()) == ["secret.wav"]
        assert (outside / "secret.wav").read_bytes() == before
        # A pipe that was opened would have a reader, or a writer's bytes in it.
        with pytest.raises(OSError, match="No such device"):
            os.open(inside / "pipe.wav", os.O_WRONLY | os.O_NONBLOCK)


def loudest(samples: list[int], frequency_hz: int) -> float:
    """Return the level of a tone where it is loudest, in dBFS."""
    window = audio.RATE_HZ // 10
    starts = range(0, len(samples) - window, window)
    return max(audio.tone_dbfs(samples[at : at + window], frequency_hz) for at in starts)
