"""A clock that only the test moves."""

from __future__ import annotations


class FakeClock:
    """Stands still until `advance`."""

    def __init__(self) -> None:
        self._now = 1000.0

    def now(self) -> float:
        """Return the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
