"""The files that recordings go into; what they need of the disk is done on workers."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

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


class RecordingFiles:
    """Gives out a file for every recording, never one that is in use; fulfils `Recordings`."""

    def __init__(self, pool: WorkerPool, fence: FileFence) -> None:
        self._pool = pool
        self._fence = fence
        self._lock = threading.Lock()  # jobs run side by side
        self._in_use: set[Path] = set()

    def begin(self, name: str, done: Callable[[Result[Path]], None]) -> None:
        """Make an empty file; one that there is keeps its content under another name."""
        self._pool.submit(lambda: self._reserve(name), done)

    def finish(self, path: Path, done: Callable[[], None]) -> None:
        """Wait until pjsip has written all of it."""

        def job() -> Path:
            with self._released(path):
                _wait_until_whole(path)
            return path

        self._pool.submit(job, lambda _: done())

    def give_up(self, path: Path) -> None:
        """Remove a file that nothing was recorded to."""

        def job() -> Path:
            with self._released(path), contextlib.suppress(OSError):
                path.unlink()
            return path

        self._pool.submit(job, lambda _: None)

    def _reserve(self, name: str) -> Path:
        try:
            path = self._fence.path("recording_file", name)
        except AudioError as error:
            raise CommandError(str(error)) from error
        with self._lock:
            if path in self._in_use:
                msg = f"recording_file {name} is being recorded to; choose another name"
                raise CommandError(msg)
            try:
                _set_aside(path)
                path.open("xb").close()
            except (FileNotFoundError, NotADirectoryError) as error:
                msg = f"recording_file {name}: the folder {path.parent} does not exist; create it"
                raise CommandError(msg) from error
            except OSError as error:
                msg = f"recording_file {name} cannot be written: {error.strerror}"
                raise CommandError(msg) from error
            self._in_use.add(path)
        return path

    @contextlib.contextmanager
    def _released(self, path: Path) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._in_use.discard(path)


def _set_aside(path: Path) -> None:
    """Rename a file that is in the way: automations use one name again and again."""
    try:
        changed_at = path.stat().st_mtime
    except FileNotFoundError:
        return
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(changed_at))
    aside, number = path.with_stem(f"{path.stem}.{stamp}"), 1
    while aside.exists():
        number += 1
        aside = path.with_stem(f"{path.stem}.{stamp}-{number}")
    path.rename(aside)
    _log.info("%s was there already; it is now %s", path, aside.name)


def _wait_until_whole(path: Path) -> None:
    """Wait until the RIFF header says how long the file is, which is the last thing written."""
    give_up_at = time.monotonic() + WHOLE_WITHIN_S
    while not _is_whole(path):
        if time.monotonic() > give_up_at:
            _log.warning("The recording %s was not closed properly; its end may be missing", path)
            return
        time.sleep(LOOK_EVERY_S)


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(RIFF_HEADER_BYTES)
            size = file.seek(0, 2)
    except OSError:
        return False
    said = int.from_bytes(header[4:], "little")
    return len(header) == RIFF_HEADER_BYTES and said + RIFF_HEADER_BYTES == size
