"""Keeps the log readable where the same happens many times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop

QUIET_S = 10.0


class Seldom:
    """Says the first of many alike, and later how many more there were; loop thread only."""

    def __init__(self, loop: Loop, say_more: Callable[[int], None]) -> None:
        """`say_more` is told how many were not said within `QUIET_S`, if there were any."""
        self._loop = loop
        self._say_more = say_more
        self._is_quiet = False
        self._unsaid = 0

    def say(self, say: Callable[[], None]) -> None:
        """Call `say` now, or count what it would have said."""
        if self._is_quiet:
            self._unsaid += 1
            return
        self._is_quiet = True
        self._loop.call_later(QUIET_S, self._end_quiet)
        say()

    def _end_quiet(self) -> None:
        unsaid, self._unsaid = self._unsaid, 0
        self._is_quiet = False
        if unsaid:
            self._say_more(unsaid)
