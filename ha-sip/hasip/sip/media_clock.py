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
STARTS_AGAIN_S = 1.0  # after it could not


class MediaClock:
    """Started and stopped by calls; loop thread only."""

    def __init__(self, loop: Loop, start: Callable[[], None], stop: Callable[[], None]) -> None:
        """`start` and `stop` are pjsua2's; nothing runs yet."""
        self._loop = loop
        self._start = start
        self._stop = stop
        self._is_running = False
        self._has_failed = False
        self._timer: Timer | None = None  # to stop it, or to try again to start it

    def call_began(self) -> None:
        """Run from now on."""
        self._cancel_timer()
        if not self._is_running:
            self._start_now()

    def last_call_ended(self) -> None:
        """Stop after a while, if no other call begins."""
        self._cancel_timer()
        if self._is_running:
            self._timer = self._loop.call_later(STOPS_AFTER_S, self._stop_now)

    def _start_now(self) -> None:
        try:
            with sip_errors("start the clock of media"):
                self._start()
        except SipError as error:
            self._timer = self._loop.call_later(STARTS_AGAIN_S, self._start_now)
            if not self._has_failed:
                self._has_failed = True
                _log.error(
                    "%s; calls stay silent until it runs, which is tried every second: see whether "
                    "this system has memory and threads left",
                    error,
                )
            return
        self._is_running = True
        if self._has_failed:
            self._has_failed = False
            _log.warning("The clock of media runs now; calls are heard")

    def _stop_now(self) -> None:
        try:
            with sip_errors("stop the clock of media"):
                self._stop()
        except SipError as error:  # it costs processor time, and nothing else
            _log.warning("%s", error)
            return
        self._is_running = False

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
