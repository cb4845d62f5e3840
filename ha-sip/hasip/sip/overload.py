"""Notices that the loop is late, so that no more calls are let in than this machine can serve.

How many calls a second are too many differs from a small board to a server, and with what else
runs there. The loop acts on a message within milliseconds, unless it has more to do than it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.clock import Clock

LATE_S = 0.25


class Overload:
    """Asks the loop for a sign of life, one at a time."""

    def __init__(self, clock: Clock, post: Callable[[Callable[[], None]], None]) -> None:
        self._clock = clock
        self._post = post
        self._asked_at: float | None = None

    def ask(self) -> bool:
        """Tell whether the loop owes an answer for too long; if it owes none, ask for one.

        On pjsip's one thread.
        """
        asked_at, now = self._asked_at, self._clock.now()
        if asked_at is None:
            self._asked_at = now
            self._post(self._heard)
            return False
        return now - asked_at > LATE_S

    def _heard(self) -> None:
        self._asked_at = None
