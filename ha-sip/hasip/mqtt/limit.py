"""How much may come in: a short burst, and then so many a second.

A wild automation must neither slow down calls nor push real events out of the queues behind it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RateLimit:
    """Lets `burst` through at once, and `per_s` a second in the long run; one thread only."""

    def __init__(
        self, *, burst: int, per_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.burst = burst
        self.per_s = per_s
        self._now = now
        self._left = float(burst)
        self._seen_at = now()

    def admits(self) -> bool:
        """Tell whether one more may pass."""
        now = self._now()
        self._left = min(self.burst, self._left + (now - self._seen_at) * self.per_s)
        self._seen_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
