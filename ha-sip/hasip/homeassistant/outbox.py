"""A thread that sends things to Home Assistant, one after the other, and tries again."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

AFTER_A_CRASH_S = 1.0


class Outbox:
    """What the senders share: a thread, a lock, the pause after a failure, and the end.

    A subclass runs until `is_over` and then returns; it holds `changed` while it looks at what is
    to be sent, never while it sends.
    """

    def __init__(self, name: str) -> None:
        self.changed = threading.Condition()
        self._closes_at: float | None = None
        self._on_closed: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run_and_tell, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send; that loads what is large."""
        self._thread.start()

    def close(self, deadline_s: float, done: Callable[[], None]) -> None:
        """Send what is left for at most `deadline_s`, then call `done` on this thread."""
        with self.changed:
            self._closes_at = time.monotonic() + deadline_s
            self._on_closed = done
            self.changed.notify()

    def is_over(self, *, is_empty: bool) -> bool:
        """Tell whether it is time to end; `changed` is held."""
        return self._closes_at is not None and (is_empty or time.monotonic() >= self._closes_at)

    def pause(self, wait_s: float) -> None:
        """Wait after a failure; short when the end is near."""
        with self.changed:
            if self._closes_at is not None:
                self.changed.wait(min(wait_s, 0.1))
            else:
                self.changed.wait_for(lambda: self._closes_at is not None, wait_s)

    def run(self) -> None:
        """Send, until it is over."""
        raise NotImplementedError

    def _run_and_tell(self) -> None:
        while True:
            try:
                self.run()
                break
            except Exception:
                _log.exception("%s: something nobody foresaw", self._thread.name)
                self.pause(AFTER_A_CRASH_S)
        self._on_closed()
