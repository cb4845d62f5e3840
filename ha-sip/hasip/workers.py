"""Threads for what waits: requests, conversions, disk.

A job runs on a worker and must bring its own time-out; its result comes back as a message to the
loop. Threads are daemons, so a job that hangs never holds up the end of the program.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from hasip.dataclass import dataclass
from hasip.errors import HaSipError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a job returned."""

    value: T


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a job returned nothing."""

    error: HaSipError


Result = Done[T] | Failed


class WorkersBusyError(HaSipError):
    """All workers are at work and the waiting line is full."""

    def __init__(self, pool: str, waiting: int) -> None:
        super().__init__(f"{pool}: {waiting} jobs are waiting already; this one was not taken")


class WorkerPool:
    """Up to `threads` jobs at once and `waiting` more in line; made by and for the loop thread."""

    def __init__(self, name: str, loop: Loop, *, threads: int, waiting: int) -> None:
        self._name = name
        self.loop = loop
        self._threads = threads
        self._waiting = waiting
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._started = 0
        self._unfinished = 0

    def submit(self, job: Callable[[], T], done: Callable[[Result[T]], None]) -> None:
        """Run `job` on a worker, then `done` with its result on the loop thread, exactly once."""
        self.loop.check()
        if self._unfinished >= self._threads + self._waiting:
            busy = Failed(WorkersBusyError(self._name, self._waiting))
            self.loop.post(lambda: done(busy))
            return
        self._unfinished += 1
        if self._unfinished > self._started and self._started < self._threads:
            self._start_thread()

        def finish(result: Result[T]) -> None:
            self._unfinished -= 1
            done(result)

        def work() -> None:
            result = self._result_of(job)
            self.loop.post(lambda: finish(result))

        self._jobs.put(work)

    @property
    def unfinished(self) -> int:
        """Count the jobs that run or wait."""
        return self._unfinished

    def _start_thread(self) -> None:
        self._started += 1
        name = f"{self._name}-{self._started}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _result_of(self, job: Callable[[], T]) -> Result[T]:
        try:
            return Done(job())
        except HaSipError as error:
            return Failed(error)
        except Exception as error:  # a job must never take its worker down with it
            _log.exception("%s: a job failed in a way nobody foresaw", self._name)
            return Failed(HaSipError(f"{self._name}: {type(error).__name__}: {error}"))
