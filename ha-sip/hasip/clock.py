"""Where the time comes from, so that tests can move it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that only moves forward."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        ...


class MonotonicClock:
    """The machine's own clock; it takes no notice of changes to the wall time."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()
