"""The one thread that decides: a mailbox and timers.

Everything that must not happen twice at once, or in the wrong order, happens here. Other threads
hand work over with `post`; nothing else of the loop may be touched by them. The loop waits on
nothing but its mailbox, and no longer than until the next timer.

The loop also owns garbage collection: pjsua2 objects may only die on a thread that pjlib knows
and at a moment of our choosing, so automatic collection is off and runs here when there is time.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import logging
import queue
import threading
from typing import TYPE_CHECKING

from hasip.clock import Clock, MonotonicClock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

# Timers that were cancelled stay until they are due, which may be minutes, but no more than these
# and as many as there are armed ones.
MOST_CANCELLED = 64

# A callback that takes longer than this has waited for something it should not wait for.
SLOW_CALLBACK_S = 0.1


class WrongThreadError(RuntimeError):
    """Something the loop owns was touched on another thread: a mistake in the program."""


class Timer:
    """A callback that is still to come; `cancel` may be called any number of times."""

    __slots__ = ("_callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Make sure that the callback does not run any more."""
        self._callback = None

    @property
    def is_armed(self) -> bool:
        """Tell whether the callback is still to run."""
        return self._callback is not None

    def fire(self) -> None:
        """Run the callback, once, unless it was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Loop:
    """Runs callbacks one after the other on the thread that created it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self._mailbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Timer]] = []
        self._swept_at = MOST_CANCELLED  # the number of timers at which cancelled ones are dropped
        self._order = itertools.count()
        self._owner = threading.get_ident()
        self._stopping = False
        self._collector = _Collector()

    def post(self, callback: Callable[[], None]) -> None:
        """Have `callback` run on the loop thread, after what was posted before it.

        Any thread, signal handlers too; never blocks.
        """
        self._mailbox.put(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Have `callback` run in `delay_s` seconds; equal times run in the order of the calls."""
        self.check()
        if len(self._timers) >= self._swept_at:
            self._sweep()
        timer = Timer(self.clock.now() + delay_s, callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def check(self) -> None:
        """Raise `WrongThreadError` on any thread but the loop's."""
        if threading.get_ident() != self._owner:
            where = threading.current_thread().name
            msg = f"called on thread {where!r}; only the loop thread may; use Loop.post"
            raise WrongThreadError(msg)

    def run(self) -> None:
        """Run callbacks until `stop`; blocks."""
        self.check()
        self._stopping = False
        self._collector.take_over()
        try:
            while not self._stopping:
                self._turn(self._until_next_timer())
        finally:
            self._collector.give_back()

    def run_pending(self) -> None:
        """Run what is due now and return; for tests, which move the clock themselves."""
        self.check()
        while self._turn(0.0):
            pass

    def stop(self) -> None:
        """Make `run` return after the current callback."""
        self.check()
        self._stopping = True

    def put_off_collection(self, at_most_s: float) -> None:
        """Collect no garbage: another thread makes many objects, and none of it is.

        Each call is followed by one of `resume_collection`. Where several threads do so at once,
        `at_most_s` counts from when the first began, so that those that keep coming end it, too.
        """
        self.check()
        self._collector.put_off(self.clock.now() + at_most_s)

    def resume_collection(self) -> None:
        """Take note that one of those who put it off has ended; with the last, it goes on."""
        self.check()
        self._collector.resume()

    @property
    def armed_timers(self) -> int:
        """Count the timers that are still to fire."""
        return sum(timer.is_armed for _, _, timer in self._timers)

    @property
    def kept_timers(self) -> int:
        """Count the timers that take memory: those that were cancelled, too."""
        return len(self._timers)

    def _sweep(self) -> None:
        """Drop the timers that were cancelled; seldom, so it costs a timer next to nothing."""
        self._timers = [entry for entry in self._timers if entry[2].is_armed]
        heapq.heapify(self._timers)
        self._swept_at = 2 * len(self._timers) + MOST_CANCELLED

    def _until_next_timer(self) -> float | None:
        while self._timers and not self._timers[0][2].is_armed:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self.clock.now())

    def _turn(self, wait_s: float | None) -> bool:
        """Run one due timer or one message; tell whether there was one."""
        if wait_s != 0.0:
            self._collector.collect_if_due(self.clock.now(), idle=self._mailbox.empty())
        if self._timers and self._timers[0][0] <= self.clock.now():
            self._run(heapq.heappop(self._timers)[2].fire)
            return True
        try:
            callback = self._mailbox.get(block=wait_s != 0.0, timeout=wait_s)
        except queue.Empty:
            return False
        self._run(callback)
        return True

    def _run(self, callback: Callable[[], None]) -> None:
        started = self.clock.now()
        try:
            callback()
        except Exception:
            _log.exception("A step of the loop failed; going on with the next")
        took = self.clock.now() - started
        if took > SLOW_CALLBACK_S:
            _log.warning("A step of the loop took %.0f ms: %r", took * 1000, callback)


class _Collector:
    """Collects garbage on the loop thread, when it is idle or much has piled up."""

    YOUNG_WHEN_IDLE = 2_000
    YOUNG_AT_MOST = 50_000
    # How many collections of one generation are followed by one of the next older.
    STEP = 10

    def __init__(self) -> None:
        self._put_off_by = 0  # so many have not ended
        self._not_before = float("-inf")

    def put_off(self, until: float) -> None:
        if not self._put_off_by:
            self._not_before = until
        self._put_off_by += 1

    def resume(self) -> None:
        self._put_off_by -= 1
        if not self._put_off_by:
            self._not_before = float("-inf")

    def take_over(self) -> None:
        gc.collect()
        # What lives now lives until the end; later collections need not look at it.
        gc.freeze()
        gc.disable()

    def give_back(self) -> None:
        gc.enable()

    def collect_if_due(self, now: float, *, idle: bool) -> None:
        if now < self._not_before:
            return
        young, middle, old = gc.get_count()
        if young < (self.YOUNG_WHEN_IDLE if idle else self.YOUNG_AT_MOST):
            return
        if middle < self.STEP:
            gc.collect(0)
        elif old < self.STEP:
            gc.collect(1)
        else:
            gc.collect(2)
