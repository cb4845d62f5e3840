"""A thread that sends things to Home Assistant, one after the other, and tries again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
        """Begin to send; when the subclass is complete."""
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

    def pause(self, failures: int, first_s: float, longest_s: float) -> None:
        """Wait after a failure, twice as long each time; short when the end is near."""
        wait_s = min(longest_s, first_s * 2 ** min(failures - 1, 10))
        with self.changed:
            if self._closes_at is not None:
                self.changed.wait(min(wait_s, 0.1))
            else:
                self.changed.wait_for(lambda: self._closes_at is not None, wait_s)

    def run(self) -> None:
        """Send, until it is over."""
        raise NotImplementedError

    def _run_and_tell(self) -> None:
        self.run()
        self._on_closed()
