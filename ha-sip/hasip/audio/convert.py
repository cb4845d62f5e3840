"""Converts audio of any kind to 16-bit mono PCM WAV at the bridge's rate, with a silent tail."""

from __future__ import annotations

import os
import struct
import subprocess
import warnings
import wave
from typing import TYPE_CHECKING, Any

from hasip.audio.environment import bare_environment
from hasip.audio.opened import name_for, opened
from hasip.calls.prompt import TAIL_S
from hasip.dataclass import dataclass
from hasip.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 60.0
# Streaming engines can't know the size when they write a WAV's header, and put one of these.
_UNKNOWN_SIZES = frozenset({0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0})
_SAMPLE_BYTES = 2
_CHUNK_HEADER = struct.Struct("<4sI")  # name and size
_RIFF_HEADER = struct.Struct("<4sI4s")
_SHOWN_CHARS = 80
# pydub holds a file in memory, twice; ffmpeg reads as it writes.
LONGEST_IN_MEMORY_BYTES = 4 * 1024 * 1024
# What is played is a copy of 115 MB an hour, in a folder that may be memory.
LARGEST_BYTES = 1024 * 1024 * 1024
LONGEST_S = 7_200
_LOOKED_AT_BYTES = 1_024
# Playlists (HLS, DASH, those of ffmpeg's own).
_LISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD")


def convert(source: Path, target: Path, rate_hz: int, timeout_s: float = TIMEOUT_S) -> None:
    """Write `source` to `target` as WAV; waits, so workers call it; raises `AudioError`.

    A short WAV at the right rate is converted in this process: to start ffmpeg takes a tenth of a
    second on a small computer, and the caller would hear that as silence.
    """
    try:
        with opened(source) as file:
            _look_at(file, source)
            link = name_for(file, target.with_suffix(".source"), source.suffix)
            try:
                _convert(_Source(source, link, file), target, rate_hz, timeout_s)
            finally:
                link.unlink()
    except FileNotFoundError as error:
        msg = f"{source}: there is no such file"
        raise AudioError(msg) from error
    except OSError as error:  # a name that is too long, a part that is no folder, no right to it
        shown = (
            str(source) if len(source.name) <= _SHOWN_CHARS else f"{source.name[:_SHOWN_CHARS]}…"
        )
        msg = f"{shown}: cannot be read: {error.strerror}"
        raise AudioError(msg) from error


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that is open."""

    path: Path  # for people
    link: Path  # to open it by
    file: int


def _look_at(file: int, source: Path) -> None:
    """Refuse what is too large, and what only names other files."""
    size = os.fstat(file).st_size
    if size > LARGEST_BYTES:
        msg = f"{source}: is larger than {LARGEST_BYTES >> 20} MiB"
        raise AudioError(msg)
    if os.pread(file, _LOOKED_AT_BYTES, 0).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_LISTS):
        # What it names could be anywhere.
        msg = f"{source}: is a list of other files, not audio"
        raise AudioError(msg)


def _convert(source: _Source, target: Path, rate_hz: int, timeout_s: float) -> None:
    try:
        if _is_simple_wav(source.link, rate_hz):
            _with_pydub(source.link, target)
        else:
            _with_ffmpeg(source, target, rate_hz, timeout_s)
            _look_at_length(source, target, rate_hz)
        _add_tail(target, round(TAIL_S * rate_hz) * _SAMPLE_BYTES)
    except AudioError:
        target.unlink(missing_ok=True)
        raise
    except OSError as error:
        target.unlink(missing_ok=True)
        msg = f"{target}: cannot be written: {error}"
        raise AudioError(msg) from error


def _look_at_length(source: _Source, target: Path, rate_hz: int) -> None:
    """Refuse what ffmpeg did not convert to its end."""
    if target.stat().st_size > (LONGEST_S + 1) * rate_hz * _SAMPLE_BYTES:
        msg = f"{source.path}: is longer than {LONGEST_S // 60} minutes"
        raise AudioError(msg)


def _is_simple_wav(source: Path, rate_hz: int) -> bool:
    """Tell whether a file is short PCM WAV at the rate, of a size that its header knows."""
    try:
        with wave.open(str(source), "rb") as wav:
            size = wav.getnframes() * wav.getnchannels() * wav.getsampwidth()
            return (
                wav.getframerate() == rate_hz
                and wav.getsampwidth() == _SAMPLE_BYTES
                and size not in _UNKNOWN_SIZES
                and size <= source.stat().st_size <= LONGEST_IN_MEMORY_BYTES
            )
    except (wave.Error, EOFError, OSError):
        return False


def _with_pydub(source: Path, target: Path) -> None:
    with source.open("rb") as file:  # given a name, pydub would leave the file open
        segment = _pydub().from_wav(file)
    segment.set_channels(1).export(str(target), format="wav").close()


def _with_ffmpeg(source: _Source, target: Path, rate_hz: int, timeout_s: float) -> None:
    ffmpeg = str(_pydub().converter)
    command = [
        *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        # A file is a file, not a list of addresses to read from.
        *("-protocol_whitelist", "file", "-i", f"file:{source.link}"),
        *("-vn", "-ac", "1", "-ar", str(rate_hz), "-c:a", "pcm_s16le"),
        *("-map_metadata", "-1", "-fflags", "+bitexact", "-t", str(LONGEST_S + 1)),
        *("-f", "wav", f"file:{target}"),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the names are given as files
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            pass_fds=(source.file,),
            env=bare_environment(),
        )
    except FileNotFoundError as error:
        msg = f"{source.path.name}: {ffmpeg} is not installed; install the package ffmpeg"
        raise AudioError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{source.path.name}: the conversion took longer than {timeout_s:.0f} s"
        raise AudioError(msg) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        msg = (
            f"{source.path.name}: ffmpeg cannot read it: {said[-1] if said else 'no reason given'}"
        )
        raise AudioError(msg)


def _add_tail(wav: Path, size: int) -> None:
    """Write so many bytes of silence behind a file whose last chunk is its audio."""
    with wav.open("r+b") as file:
        file.seek(_RIFF_HEADER.size)
        while True:
            at = file.tell()
            name, held = _CHUNK_HEADER.unpack(file.read(_CHUNK_HEADER.size))
            if name == b"data":
                break
            file.seek(held + held % 2, os.SEEK_CUR)
        end = file.seek(0, os.SEEK_END)
        file.write(bytes(size))
        file.seek(at)
        file.write(_CHUNK_HEADER.pack(b"data", end - at - _CHUNK_HEADER.size + size))
        file.seek(0)
        file.write(_CHUNK_HEADER.pack(b"RIFF", end + size - _CHUNK_HEADER.size))


def _pydub() -> Any:  # noqa: ANN401 - pydub has no types
    """Return pydub's AudioSegment; imported late, since it costs memory and start-up time."""
    with warnings.catch_warnings():
        # It warns where ffmpeg is missing; our error says so when it is wanted.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment  # noqa: PLC0415
    return AudioSegment
