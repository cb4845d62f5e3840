"""The first server that requests go to, found without making anybody wait.

An account sends to its proxy or registrar, a call to somebody else to the server of that name.
Where the name stands for several servers, one is used until it fails, then the next.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasip.errors import HaSipError, SipError
from hasip.sip.locate import TLS, Locator, Target, destination_of, source_address
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.sip.locate import Destination
    from hasip.workers import Result

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """How to get there."""

    target: Target | None = None  # None: pjsip follows the URI itself
    source: str | None = None  # our address on the way

    @property
    def route(self) -> str | None:
        """Return the route for pjsip. Of TLS there is none: a certificate is for a name."""
        is_plain = self.target is not None and self.target.transport != TLS
        return self.target.route if self.target is not None and is_plain else None


def needed(found: Way | HaSipError) -> Way:
    """Return the way that was found; raises `SipError` where there is none."""
    if isinstance(found, HaSipError):
        raise SipError(str(found))
    return found


class Hops:
    """Makes hops, and has their names resolved; loop thread only."""

    def __init__(self, loop: Loop, locator: Locator) -> None:
        self._locator = locator
        # A question may take as long as the system's resolver is patient.
        self._pool = WorkerPool("names", loop, threads=8, waiting=100)

    def hop(self, uri: str) -> Hop:
        """Return the hop that requests to a URI, or by it, take first."""
        return Hop(self, destination_of(uri))

    def locate(self, to: Destination, done: Callable[[Result[tuple[Target, ...]]], None]) -> None:
        """Ask, and call back."""
        self._pool.submit(lambda: self._locator.locate(to), done)


class Hop:
    """One destination, with the server that is used of those that it stands for."""

    def __init__(self, hops: Hops, to: Destination | None) -> None:
        self._hops = hops
        self._to = to
        self._targets: tuple[Target, ...] = ()
        self._current = 0

    def find(self, done: Callable[[Way | HaSipError], None]) -> None:
        """Call `done` with the way or why there is none; at once, if no name is to be resolved."""
        to = self._to
        if to is None:
            done(Way())
        elif to.is_address:
            done(Way(source=source_address(to.host)))
        else:
            self._hops.locate(to, lambda result: self._found(result, done))

    @property
    def leaves_routes_alone(self) -> bool:
        """Tell whether the way there has no route for pjsip."""
        return self._to is None or self._to.is_address or self._to.transport == TLS

    def go_on(self, tried: set[Target]) -> bool:
        """Go on to a server that is not among these; False if there is none."""
        if not self.has_others:
            return False
        order = self._targets[self._current :] + self._targets[: self._current]
        fresh = next((target for target in order if target not in tried), None)
        if fresh is None:
            return False
        if fresh != order[0]:
            _log.warning("%s does not answer; trying %s", order[0], fresh)
            self._current = self._targets.index(fresh)
        return True

    @property
    def has_others(self) -> bool:
        """Tell whether there are other servers to try."""
        return len(self._targets) > 1 and not self.leaves_routes_alone

    def _found(
        self, result: Result[tuple[Target, ...]], done: Callable[[Way | HaSipError], None]
    ) -> None:
        if not isinstance(result, Failed):
            self._keep(result.value)
        elif self._targets:
            _log.warning("%s; going on with what it was", result.error)
        else:
            done(result.error)
            return
        target = self._targets[self._current]
        done(Way(target, source_address(target.address)))

    def _keep(self, targets: tuple[Target, ...]) -> None:
        """Take what the records say now; the server that is used stays the one that is used."""
        current = self._targets[self._current] if self._targets else None
        self._targets = targets
        self._current = targets.index(current) if current in targets else 0
