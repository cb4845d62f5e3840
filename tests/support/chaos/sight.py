"""What is seen of a fault while it lasts: one that nobody felt has shown nothing."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.chaos.town import Town
    from support.chaos.traffic import Traffic

LATE_S = 1.0  # what takes some 0.1 s otherwise
# More than are on their way in one request each: to the webhook, to a door, for a message.
MORE_EVENTS = 4


class Sight:
    """Looks at a town from the beginning of a fault on."""

    def __init__(self, town: Town, traffic: Traffic, told: Callable[[int], int]) -> None:
        """`told` counts the events that the log tells of from a line on."""
        self._town = town
        self._traffic = traffic
        self._told = told
        self._began = time.monotonic()
        self._line = len(town.gateway.lines)
        self._events = len(town.events)
        self._stamp = _newest_stamp(town.gateway.lines)

    def says(self, pattern: str) -> bool:
        """Tell whether the gateway's log has a line like this."""
        return any(re.search(pattern, line) for line in self._town.gateway.lines[self._line :])

    def holds_events_back(self, arrived: int) -> bool:
        """Tell whether Home Assistant got no more events than that, of several there were."""
        came = len(self._town.events) - self._events
        return came <= arrived and self._told(self._line) >= arrived + MORE_EVENTS

    def stops(self, kind: str) -> bool:
        """Tell whether trips of a kind fail or take long, and none was done."""
        return self._traffic.is_held_up(kind, self._began, LATE_S)

    def jumped(self, hours: int) -> bool:
        """Tell whether the stamps of the log have jumped by so many hours."""
        stamp = _newest_stamp(self._town.gateway.lines[self._line :])
        if stamp is None or self._stamp is None:
            return False
        jump_s = (stamp - self._stamp).total_seconds() - hours * 3600
        return 0 <= jump_s + 1 < time.monotonic() - self._began + 60


def says(pattern: str) -> Callable[[Sight], bool]:
    """Return the look for a line of the log."""
    return lambda sight: sight.says(pattern)


def stops(kind: str) -> Callable[[Sight], bool]:
    """Return the look for trips of a kind that nobody can make."""
    return lambda sight: sight.stops(kind)


def _newest_stamp(lines: Sequence[str]) -> datetime | None:
    for line in reversed(lines):
        if line.startswith("| 2"):
            return datetime.fromisoformat(line[2:21])
    return None
