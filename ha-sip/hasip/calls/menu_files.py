"""The menu files of all accounts: looked at for each call, read when they have changed."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hasip.calls.menu_file import MenuFile, MenuFileError, read_menu_file
from hasip.calls.seldom import QUIET_S, Seldom
from hasip.dataclass import dataclass
from hasip.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop, Timer
    from hasip.workers import Result, WorkerPool

_log = logging.getLogger(__name__)

# A disk that hangs (a network share) must not hold up the answer of a call for longer.
PATIENCE_S = 1.0
# Longer than a menu of 10,000 choices takes on a busy machine. So long a call rings where nothing
# was read yet.
READING_TAKES_S = 5.0


class _Reading(NamedTuple):
    """What a file was when it was read."""

    version: tuple[int, int]  # time of change in ns, size in bytes
    file: MenuFile
    problems: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Call:
    """Somebody who wants to know what a file says."""

    use: Callable[[MenuFile], None]
    patience: Timer


class _Watched:
    """An account's file: what it said when it was read last, and who waits for the next reading.

    One reading at a time: those that come meanwhile wait for one that begins after it, all for the
    same. So what they get is no older than their call, a large file is read once and not by all
    workers at once, and a disk that hangs takes one worker.
    """

    def __init__(self, loop: Loop, account: int, path: Path) -> None:
        self.account = account
        self.path = path
        self.reading: _Reading | None = None
        self.is_being_read = False
        self.waiting: list[_Call] = []
        self.not_read = Seldom(loop, self._say_not_read)  # under a flood, that is once a call

    def _say_not_read(self, calls: int) -> None:
        text = "Account %d: within %g s its file could not be read for %d more calls"
        _log.warning(text, self.account, QUIET_S, calls)


class MenuFiles:
    """Reads on workers; where that takes too long, what was read last is taken."""

    def __init__(self, loop: Loop, pool: WorkerPool) -> None:
        self._loop = loop
        self._pool = pool
        self._watched: dict[int, _Watched] = {}

    def expect(self, account: int, path: Path) -> None:
        """Take note of an account's file, and read it once to report what is wrong in it."""
        watched = self._watched[account] = _Watched(self._loop, account, path)
        self._read(watched)

    def problems(self, account: int) -> tuple[str, ...]:
        """Return why an account's file can't be used and it only listens; empty: it can."""
        watched = self._watched.get(account)
        return () if watched is None or watched.reading is None else watched.reading.problems

    def get(self, account: int, use: Callable[[MenuFile], None]) -> None:
        """Call `use` with the account's file as it is now, once, later, on the loop."""
        watched = self._watched.get(account)
        if watched is None:
            self._loop.post(lambda: use(MenuFile()))
            return
        # Just after a start there is nothing else to take.
        patience_s = READING_TAKES_S if watched.reading is None else PATIENCE_S
        patience = self._loop.call_later(patience_s, lambda: self._give_up(watched, call))
        call = _Call(use, patience)
        watched.waiting.append(call)
        if not watched.is_being_read:
            self._read(watched)

    def _read(self, watched: _Watched) -> None:
        """Read a file, if it has changed, for all who wait."""
        watched.is_being_read = True
        calls, watched.waiting = watched.waiting, []
        path, known = watched.path, watched.reading

        def done(result: Result[_Reading]) -> None:
            self._loop.resume_collection()
            watched.is_being_read = False
            self._serve(calls, self._take(watched, result))
            if watched.waiting:
                self._read(watched)

        # To look through all that a large file is made of would hold up all threads for 0.1 s.
        self._loop.put_off_collection(READING_TAKES_S)
        self._pool.submit(lambda: _read_if_changed(path, known), done)

    def _take(self, watched: _Watched, result: Result[_Reading]) -> MenuFile:
        """Keep what was read; say what is wrong in it, unless that was said already."""
        account = watched.account
        if isinstance(result, Failed):
            error = result.error
            watched.not_read.say(lambda: _log.error("Account %d only listens: %s", account, error))
            return MenuFile(is_broken=True)
        reading = result.value
        if reading is not watched.reading:
            watched.reading = reading
            for problem in reading.problems:
                _log.error("Account %d only listens: %s", account, problem)
            for warning in reading.file.warnings:
                _log.warning("%s", warning)
        return reading.file

    def _serve(self, calls: list[_Call], file: MenuFile) -> None:
        for call in calls:
            if call.patience.is_armed:
                call.patience.cancel()
                # A step of the loop each: they may be many.
                self._loop.post(partial(call.use, file))

    def _give_up(self, watched: _Watched, call: _Call) -> None:
        """Go on with what is known."""
        account, path, reading = watched.account, watched.path, watched.reading
        if reading is None:
            text = "Account %d only listens for this call: %s has not been read yet"
        else:
            text = "Account %d: %s cannot be read in time; taking what was read last"
        watched.not_read.say(lambda: _log.warning(text, account, path))
        if call in watched.waiting:
            watched.waiting.remove(call)
        call.use(MenuFile(is_broken=True) if reading is None else reading.file)


def _read_if_changed(path: Path, known: _Reading | None) -> _Reading:
    try:
        stat = path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError):
        version = (0, 0)  # reading it says what is wrong
    if known is not None and known.version == version:
        return known
    try:
        return _Reading(version, read_menu_file(path))
    except MenuFileError as error:
        return _Reading(version, MenuFile(is_broken=True), error.problems)
