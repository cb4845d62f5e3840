"""The first server that requests go to, found without making anybody wait.

An account sends to its proxy or registrar, a call to somebody else to the server of that name.
Where the name stands for several servers, one is used until it fails, then the next.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.errors import HaSipError, SipError
from hasip.sip.locate import TLS, Locator, Target, destination_of, source_address
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.sip.locate import Destination
    from hasip.workers import Result

_log = logging.getLogger(__name__)

# For how long what a name stands for is not asked again.
FRESH_S = 5.0
MOST_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Way:
    """How to get there."""

    target: Target | None = None  # None: pjsip follows the URI itself
    source: str | None = None  # our address on the way

    @property
    def route(self) -> str | None:
        """Return the route for pjsip.

        Of TLS there is none: a certificate is for a name. The request goes to the name, and
        `Resolver` says where that is.
        """
        is_plain = self.target is not None and self.target.transport != TLS
        return self.target.route if self.target is not None and is_plain else None


def needed(found: Way | HaSipError) -> Way:
    """Return the way that was found; raises `SipError` where there is none."""
    if isinstance(found, HaSipError):
        raise SipError(str(found))
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """What a name stands for."""

    at: float
    targets: tuple[Target, ...]


class Hops:
    """Makes hops, and has their names resolved; loop thread only."""

    def __init__(self, loop: Loop, locator: Locator) -> None:
        self._clock = loop.clock
        self._locator = locator
        self._found: dict[Destination, _Found] = {}  # read on any thread
        # A question may take as long as the system's resolver is patient.
        self._pool = WorkerPool("names", loop, threads=8, waiting=100)

    def hop(self, uri: str) -> Hop:
        """Return the hop that requests to a URI, or by it, take first."""
        return Hop(self, destination_of(uri))

    def locate(self, to: Destination, done: Callable[[Result[tuple[Target, ...]]], None]) -> None:
        """Ask, and call back."""
        self._pool.submit(lambda: self._locator.locate(to), done)

    def written(self, to: Destination) -> Target:
        """Return the server of a destination that is an address; on any thread."""
        return self._locator.written(to)

    def remember(self, to: Destination, targets: tuple[Target, ...]) -> None:
        """Take note of where requests to a name go now."""
        self._found.pop(to.key, None)
        if len(self._found) >= MOST_REMEMBERED:
            del self._found[next(iter(self._found))]
        self._found[to.key] = _Found(self._clock.now(), targets)

    def keep_order(self, to: Destination, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Return the servers of a name with the one first that was used before."""
        before = self.found_before(to)[:1]
        return tuple(sorted(targets, key=lambda target: target not in before))

    def just_found(self, to: Destination) -> tuple[Target, ...] | None:
        """Return what a name stands for, if that was found out just now; on any thread."""
        found = self._found.get(to.key)
        is_fresh = found is not None and self._clock.now() - found.at < FRESH_S
        return found.targets if found is not None and is_fresh else None

    def found_before(self, to: Destination) -> tuple[Target, ...]:
        """Return what a name stood for when it was found out last."""
        found = self._found.get(to.key)
        return () if found is None else found.targets


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
        return len(self._targets) > 1

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
        if self._to is not None:
            self._hops.remember(self._to, (target,))
        done(Way(target, source_address(target.address)))

    def _keep(self, targets: tuple[Target, ...]) -> None:
        """Take what the records say now; the server that is used stays the one that is used."""
        current = self._targets[self._current] if self._targets else None
        self._targets = targets
        self._current = targets.index(current) if current in targets else 0
