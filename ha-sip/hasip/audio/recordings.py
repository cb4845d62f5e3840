"""The files that recordings go into; what they need of the disk is done on workers."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import stat
import threading
import time
from typing import TYPE_CHECKING

from hasip.audio.opened import NotAFileError, folder_of, name_for
from hasip.dataclass import dataclass
from hasip.errors import AudioError, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hasip.audio.fence import FileFence
    from hasip.workers import Result, WorkerPool

_log = logging.getLogger(__name__)

# pjsip ends a recording on a thread of its own, at the bridge's next tick, 20 ms later at most.
WHOLE_WITHIN_S = 2.0
LOOK_EVERY_S = 0.005
RIFF_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Reserved:
    """A file that is being recorded to."""

    path: Path
    file: int  # its descriptor: links that are changed meanwhile lead nowhere


class RecordingFiles:
    """Gives out a file for every recording, never one that is in use; fulfils `Recordings`.

    What is given out is a name in the scratch folder that means the file.
    """

    def __init__(self, pool: WorkerPool, fence: FileFence, scratch_dir: Path) -> None:
        self._pool = pool
        self._fence = fence
        self._scratch_dir = scratch_dir
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # jobs run side by side
        self._reserved: dict[Path, _Reserved] = {}  # by the name that was given out

    def begin(self, name: str, done: Callable[[Result[Path]], None]) -> None:
        """Make an empty file; one that there is keeps its content under another name."""
        self._pool.submit(lambda: self._reserve(name), done)

    def finish(self, path: Path, done: Callable[[], None]) -> None:
        """Wait until pjsip has written all of it."""

        def job() -> Path:
            with self._released(path) as reserved:
                _wait_until_whole(reserved)
            return path

        self._pool.submit(job, lambda _: done())

    def give_up(self, path: Path) -> None:
        """Remove a file that nothing was recorded to."""

        def job() -> Path:
            with (
                self._released(path) as reserved,
                contextlib.suppress(OSError),
                folder_of(reserved.path) as folder,
            ):
                os.unlink(reserved.path.name, dir_fd=folder)
            return path

        self._pool.submit(job, lambda _: None)

    def _reserve(self, name: str) -> Path:
        try:
            path = self._fence.path("recording_file", name)
        except AudioError as error:
            raise CommandError(str(error)) from error
        with self._lock:
            if any(path == other.path for other in self._reserved.values()):
                msg = f"recording_file {name} is being recorded to; choose another name"
                raise CommandError(msg)
            try:
                file = _make(path)
                stem = self._scratch_dir / f"recording-{next(self._numbers)}"
                link = name_for(file, stem, path.suffix)
            except (FileNotFoundError, NotADirectoryError) as error:
                msg = f"recording_file {name}: the folder {path.parent} does not exist; create it"
                raise CommandError(msg) from error
            except OSError as error:
                msg = f"recording_file {name} cannot be written: {error.strerror}"
                raise CommandError(msg) from error
            except NotAFileError as error:
                raise CommandError(str(error)) from error
            self._reserved[link] = _Reserved(path, file)
        return link

    @contextlib.contextmanager
    def _released(self, link: Path) -> Iterator[_Reserved]:
        with self._lock:
            reserved = self._reserved[link]
        try:
            yield reserved
        finally:
            with self._lock:
                del self._reserved[link]
            os.close(reserved.file)
            link.unlink(missing_ok=True)


def _make(path: Path) -> int:
    """Make an empty file, without following any link; returns its descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with folder_of(path) as folder:
        _set_aside(path, folder)
        return os.open(path.name, flags, 0o666, dir_fd=folder)


def _set_aside(path: Path, folder: int) -> None:
    """Rename a file that is in the way: automations use one name again and again."""
    try:
        there = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(there.st_mode):
        raise NotAFileError(path, there.st_mode, "recording_file")
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(there.st_mtime))
    aside, number = path.with_stem(f"{path.stem}.{stamp}").name, 1
    while _is_there(aside, folder):
        number += 1
        aside = path.with_stem(f"{path.stem}.{stamp}-{number}").name
    os.rename(path.name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    _log.info("%s was there already; it is now %s", path, aside)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _wait_until_whole(reserved: _Reserved) -> None:
    """Wait until the RIFF header says how long the file is, which is the last thing written."""
    give_up_at = time.monotonic() + WHOLE_WITHIN_S
    while not _is_whole(reserved.file):
        if time.monotonic() > give_up_at:
            _log.warning(
                "The recording %s was not closed properly; its end may be missing", reserved.path
            )
            return
        time.sleep(LOOK_EVERY_S)


def _is_whole(file: int) -> bool:
    header = os.pread(file, RIFF_HEADER_BYTES, 0)
    said = int.from_bytes(header[4:], "little")
    size = os.fstat(file).st_size
    return len(header) == RIFF_HEADER_BYTES and said + RIFF_HEADER_BYTES == size
