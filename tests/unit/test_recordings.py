"""The files of recordings: nothing is overwritten, and what is finished is whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hasip.audio.fence import FileFence
from hasip.audio.recordings import RecordingFiles
from hasip.loop import Loop
from hasip.workers import Done, Failed, Result, WorkerPool
from support import audio
from support.waiting import wait_until


class Recordings:
    """The files of recordings, with real workers."""

    def __init__(self, scratch: Path, *folders: Path) -> None:
        self.loop = Loop()
        pool = WorkerPool("recordings", self.loop, threads=2, waiting=10)
        scratch.mkdir(exist_ok=True)
        self.files = RecordingFiles(pool, FileFence(folders), scratch)

    def begin(self, path: Path) -> Result[Path]:
        """Reserve a file, and return what came of it."""
        results: list[Result[Path]] = []
        self.files.begin(str(path), lambda result: self._take(results, result))
        self.loop.run()
        return results[0]

    def finish(self, path: Path) -> None:
        """Return when the file is said to be whole."""
        self.files.finish(path, self.loop.stop)
        self.loop.run()

    def _take(self, results: list[Result[Path]], result: Result[Path]) -> None:
        results.append(result)
        self.loop.stop()


def test_a_recording_never_goes_over_one_that_is_there(tmp_path: Path) -> None:
    recordings, path = Recordings(tmp_path / "scratch"), tmp_path / "door.wav"
    for content in ("one", "two"):
        path.write_text(content)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        given = begun(recordings, path)
        assert path.read_bytes() == b""
        given.write_bytes(b"sound")
        assert path.read_bytes() == b"sound"
        recordings = Recordings(tmp_path / "scratch")

    assert sorted(kept.read_text() for kept in tmp_path.glob("door.2001*.wav")) == ["one", "two"]


def begun(recordings: Recordings, path: Path) -> Path:
    """Return the name by which pjsip is to find a file."""
    result = recordings.begin(path)
    assert isinstance(result, Done), result
    return result.value


def test_two_recordings_do_not_share_a_file(tmp_path: Path) -> None:
    recordings, path = Recordings(tmp_path / "scratch"), tmp_path / "door.wav"
    (tmp_path / "same").symlink_to(tmp_path)
    given = begun(recordings, path)

    refused = recordings.begin(tmp_path / "same" / "door.wav")

    assert isinstance(refused, Failed)
    assert "is being recorded to; choose another name" in str(refused.error)
    audio.write_wav(given, [0] * 100)
    recordings.finish(given)
    assert isinstance(recordings.begin(path), Done)


def test_a_recording_is_finished_when_its_header_says_its_length(tmp_path: Path) -> None:
    recordings, path = Recordings(tmp_path / "scratch"), tmp_path / "door.wav"
    audio.write_wav(tmp_path / "whole.wav", [0] * 8000)
    whole = (tmp_path / "whole.wav").read_bytes()
    given = begun(recordings, path)
    given.write_bytes(whole[:4] + bytes(4) + whole[8:])
    is_written = threading.Event()

    def write_the_header() -> None:
        is_written.set()
        path.write_bytes(whole)

    threading.Timer(0.1, write_the_header).start()
    recordings.finish(given)

    assert is_written.is_set()


def test_a_file_that_cannot_be_is_named(tmp_path: Path) -> None:
    refused = Recordings(tmp_path / "scratch").begin(tmp_path / ("x" * 300 + ".wav"))

    assert isinstance(refused, Failed)
    assert "cannot be written: File name too long" in str(refused.error)


def test_a_recording_outside_of_the_allowed_folders_is_refused(tmp_path: Path) -> None:
    allowed = tmp_path / "config"
    allowed.mkdir()
    (allowed / "out").symlink_to(tmp_path)
    recordings = Recordings(tmp_path / "scratch", allowed)

    refused = recordings.begin(allowed / "out" / "a.wav")

    assert isinstance(refused, Failed)
    assert "is outside of the allowed folders" in str(refused.error)
    assert not (tmp_path / "a.wav").exists()
    assert isinstance(recordings.begin(allowed / "a.wav"), Done)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/null") if kind == "device" else tmp_path / "door.wav"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    before = path.stat()

    refused = Recordings(tmp_path / "scratch").begin(path)

    assert isinstance(refused, Failed)
    assert str(refused.error) == f"recording_file {path}: is a {kind}, not a file"
    assert path.stat() == before


def test_links_that_are_changed_while_it_records_lead_nowhere(tmp_path: Path) -> None:
    """Between the look at the path and pjsip's opening of the file, and afterwards."""
    allowed, secrets = tmp_path / "config", tmp_path / "secrets"
    allowed.mkdir()
    secrets.mkdir()
    (secrets / "door.wav").write_text("secret")
    recordings = Recordings(tmp_path / "scratch", allowed)
    given = begun(recordings, allowed / "door.wav")
    (allowed / "door.wav").unlink()
    (allowed / "door.wav").symlink_to(secrets / "door.wav")
    audio.write_wav(given, [0] * 100)
    recordings.finish(given)

    assert (secrets / "door.wav").read_text() == "secret"
    assert not any((tmp_path / "scratch").iterdir())
    given = begun(recordings, allowed / "new.wav")
    allowed.rename(tmp_path / "away")
    allowed.symlink_to(secrets)
    (secrets / "new.wav").write_text("secret")
    recordings.files.give_up(given)
    wait_until(lambda: not any((tmp_path / "scratch").iterdir()), "it was given up")

    assert (secrets / "new.wav").read_text() == "secret"
