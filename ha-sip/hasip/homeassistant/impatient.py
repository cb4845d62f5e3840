"""Waits for something no longer than told, whatever it hangs on.

A request has time-outs of its own, but they don't bound everything: a name that no server resolves
takes half a minute, and an answer may come a byte now and then. Where a caller listens to silence
meanwhile, that is too long.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from hasip.homeassistant.errors import TimedOutError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MOST_HANGING = 8


class Impatient:
    """Runs jobs on threads of their own; used by several workers at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._room = threading.BoundedSemaphore(MOST_HANGING)

    def run(self, job: Callable[[], T], timeout_s: float, doing: str) -> T:
        """Return what the job returns, or raise what it raises; `TimedOutError` if it is late.

        A job that is late goes on to its end, and nobody hears of it.
        """
        if not self._room.acquire(blocking=False):
            msg = f"{doing}: {MOST_HANGING} earlier requests have not come back yet"
            raise TimedOutError(msg)
        outcome: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcome.put((job(), None))
            except Exception as error:  # it is raised where it is waited for
                outcome.put((None, error))
            finally:
                self._room.release()

        threading.Thread(target=work, name=self._name, daemon=True).start()
        try:
            value, error = outcome.get(timeout=timeout_s)
        except queue.Empty:
            msg = f"{doing}: nothing came within {timeout_s:.0f} s"
            raise TimedOutError(msg) from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # None only where the job returned it
