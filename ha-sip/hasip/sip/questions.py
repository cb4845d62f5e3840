"""Asks for the names that stand in messages, so that they hold up none of our own.

Callers choose them: the name in a Contact is asked for when the call is hung up. With a name server
that is silent each takes a thread for 10 s, of those that find registrars and whom we call.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hasip.sip.hop import Hops
    from hasip.sip.locate import Destination, Target
    from hasip.workers import Result

    Heard = Callable[[Sequence[Target]], None]

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 4  # of the eight threads of `Hops`


class Questions:
    """Each name is asked for once at a time; loop thread only."""

    def __init__(self, hops: Hops) -> None:
        self._hops = hops
        self._waiting: dict[Destination, list[Heard]] = {}

    def ask(self, to: Destination, heard: Heard) -> None:
        """Ask, and call back with servers: with those of the last time where none are found."""
        waiting = self._waiting.get(to.key)
        if waiting is not None:
            waiting.append(heard)
        elif len(self._waiting) >= MOST_AT_ONCE:
            _log.warning("%s is not asked for: name servers owe too many answers", to.host[:100])
            heard(self._hops.found_before(to))
        else:
            self._waiting[to.key] = [heard]
            self._hops.locate(to, lambda result: self._heard(to, result))

    def _heard(self, to: Destination, result: Result[tuple[Target, ...]]) -> None:
        if isinstance(result, Failed):
            _log.warning("%s", result.error)
            targets = self._hops.found_before(to)
        else:
            targets = self._hops.keep_order(to, result.value)
            self._hops.remember(to, targets)
        for heard in self._waiting.pop(to.key):
            heard(targets)
