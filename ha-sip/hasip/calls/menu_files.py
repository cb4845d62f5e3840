"""The menu files of all accounts: looked at for each call, read when they have changed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from hasip.calls.menu_file import MenuFile, MenuFileError, read_menu_file
from hasip.seldom import QUIET_S, Seldom
from hasip.workers import Done, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop, Timer
    from hasip.workers import Result, WorkerPool

_log = logging.getLogger(__name__)

# A disk that hangs (a network share) must not hold up the answer of a call for longer.
PATIENCE_S = 1.0
# Longer than a menu of 10,000 choices takes on a busy machine.
READING_TAKES_S = 5.0


class _Reading(NamedTuple):
    """What a file was when it was read."""

    version: tuple[int, int]  # time of change in ns, size in bytes
    file: MenuFile
    problems: tuple[str, ...] = ()


class MenuFiles:
    """Reads on workers; where that takes too long, what was read last is taken."""

    def __init__(self, loop: Loop, pool: WorkerPool) -> None:
        self._loop = loop
        self._pool = pool
        self._paths: dict[int, Path] = {}
        self._readings: dict[int, _Reading] = {}
        self._not_read = Seldom(loop, _say_not_read)  # under a flood, that is once a call

    def expect(self, account: int, path: Path) -> None:
        """Take note of an account's file, and read it once to report what is wrong in it."""
        self._paths[account] = path
        self.get(account, lambda _: None)

    def problems(self, account: int) -> tuple[str, ...]:
        """Return why an account's file can't be used and it only listens; empty: it can."""
        reading = self._readings.get(account)
        return () if reading is None else reading.problems

    def get(self, account: int, use: Callable[[MenuFile], None]) -> None:
        """Call `use` with the account's file as it is now, once, later, on the loop."""
        path = self._paths.get(account)
        if path is None:
            self._loop.post(lambda: use(MenuFile()))
            return
        known = self._readings.get(account)
        timer: Timer | None = None
        taken: list[bool] = []

        def take(file: MenuFile) -> None:
            if not taken:
                taken.append(True)
                use(file)

        def done(result: Result[_Reading]) -> None:
            self._loop.resume_collection()
            if timer is not None:
                timer.cancel()
            if isinstance(result, Done):
                self._note(account, result.value)
                take(result.value.file)
            elif isinstance(result, Failed):
                error = result.error
                self._not_read.say(
                    lambda: _log.error("Account %d only listens: %s", account, error)
                )
                take(MenuFile(is_broken=True))

        def too_late() -> None:
            self._not_read.say(
                lambda: _log.warning("%s cannot be read in time; taking what was read last", path)
            )
            take(known.file if known is not None else MenuFile(is_broken=True))

        timer = self._loop.call_later(PATIENCE_S, too_late)
        # To look through all that a large file is made of would hold up all threads for 0.1 s.
        self._loop.put_off_collection(READING_TAKES_S)
        self._pool.submit(lambda: _read_if_changed(path, known), done)

    def _note(self, account: int, reading: _Reading) -> None:
        """Keep what was read; say what is wrong in it, unless that was said already."""
        if reading is self._readings.get(account):
            return
        self._readings[account] = reading
        for problem in reading.problems:
            _log.error("Account %d only listens: %s", account, problem)
        for warning in reading.file.warnings:
            _log.warning("%s", warning)


def _say_not_read(calls: int) -> None:
    _log.warning("Within %g s menu files could not be read for %d more calls", QUIET_S, calls)


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
