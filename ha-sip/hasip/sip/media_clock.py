"""Runs pjsip's clock of media while there are calls, and for a while after.

It ticks 50 times a second, which takes a third of the processor time of a gateway at rest.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.errors import SipError
from hasip.sip.errors import sip_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop, Timer

_log = logging.getLogger(__name__)

# To stop it means to wait for its next tick: 9 ms (median), and on a busy machine until its thread
# gets its turn (174 ms at worst). So not between the calls of a busy hour.
STOPS_AFTER_S = 5.0


class MediaClock:
    """Started and stopped by calls; loop thread only."""

    def __init__(self, loop: Loop, start: Callable[[], None], stop: Callable[[], None]) -> None:
        """`start` and `stop` are pjsua2's; nothing runs yet."""
        self._loop = loop
        self._start = start
        self._stop = stop
        self._is_running = False
        self._rest: Timer | None = None

    def call_began(self) -> None:
        """Run from now on."""
        if self._rest is not None:
            self._rest.cancel()
        if not self._is_running:
            self._is_running = self._done("start", self._start)

    def last_call_ended(self) -> None:
        """Stop after a while, if no other call begins."""
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._loop.call_later(STOPS_AFTER_S, self._stop_now)

    def _stop_now(self) -> None:
        if self._done("stop", self._stop):
            self._is_running = False

    def _done(self, what: str, act: Callable[[], None]) -> bool:
        try:
            with sip_errors(f"{what} the clock of media"):
                act()
        except SipError as error:
            _log.error("%s", error)
            return False
        return True
