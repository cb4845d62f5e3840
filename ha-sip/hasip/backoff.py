"""How long to wait before something is tried again; for whoever tries for ever."""

from __future__ import annotations

import random

from hasip.dataclass import dataclass

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double up to a limit, each up to a fifth longer or shorter by chance."""

    first_s: float
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row (1, 2, …)."""
        wait_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
        return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
