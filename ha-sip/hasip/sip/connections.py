"""Limits the connections that others make to us by TCP, and closes those of no use, TLS too.

pjsip takes every connection and keeps it, also one by which nothing ever comes. The handles and
descriptors that this costs are those that calls need; a wheel's pjsip has 64 in all. So one
source has so many connections, all have so many, and one that brings no request is closed soon. At
the limit of all, the kernel drops what would be new ones, until there is room. How many come by TLS
is limited by `Handshakes`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.sip.build import IS_OURS
from hasip.sip.sources import counted_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.clock import Clock
    from hasip.sip.gate import Gate

MOST_CONNECTIONS = 200 if IS_OURS else 16

REQUEST_WITHIN_S = 10.0
# pjsip gives a handle back so long after it was closed (PJ_IOQUEUE_KEY_FREE_DELAY).
HANDLE_BACK_AFTER_S = 0.6


def share(most: int) -> int:
    """Return what one source may have of what all may have; by TLS, too."""
    return most // 4


MOST_OF_ONE_SOURCE = share(MOST_CONNECTIONS)


@dataclass(slots=True)
class _Connection:
    source: str
    since: float
    is_counted: bool
    has_asked: bool = False  # a request came by it
    is_closing: bool = False


class Connections:
    """What others have connected.

    pjsip's one thread opens and closes connections, and sweeps. But what the loop has pjsip do may
    end some as well, and that is told on the loop's thread.
    """

    def __init__(
        self,
        clock: Clock,
        gate: Gate,
        close: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._gate = gate
        self._close = close
        self._tell = tell
        self._open: dict[int, _Connection] = {}
        self._gone: deque[float] = deque()  # when handles were closed

    @property
    def count(self) -> int:
        """Count those that are open."""
        return len(self._open)

    @property
    def is_holding_back(self) -> bool:
        """Tell whether new ones are dropped."""
        return self._gate.is_shut

    def came(self, transport: int, source: str, *, is_tls: bool) -> None:
        """Take a new connection, or close it."""
        now = self._clock.now()
        source = counted_as(source)
        connection = self._open[transport] = _Connection(source, now, is_counted=not is_tls)
        if is_tls:
            return
        counted = [other.source for other in list(self._open.values()) if other.is_counted]
        if self._taken(now) >= MOST_CONNECTIONS and not self._gate.is_shut:
            self._gate.shut()
        if counted.count(source) > MOST_OF_ONE_SOURCE or len(counted) > MOST_CONNECTIONS:
            self._end(transport, connection)

    def asked(self, transport: int) -> None:
        """Take that a request came by a connection."""
        connection = self._open.get(transport)
        if connection is not None:
            connection.has_asked = True

    def went(self, transport: int) -> None:
        """Take that a connection is gone."""
        connection = self._open.pop(transport, None)
        if connection is not None and connection.is_counted:
            self._gone.append(self._clock.now())

    def sweep(self) -> None:
        """Close those that bring nothing, and open the gate if there is room."""
        now = self._clock.now()
        for transport, connection in list(self._open.items()):
            if not connection.has_asked and now - connection.since > REQUEST_WITHIN_S:
                self._end(transport, connection)
        if self._gate.is_shut and self._taken(now) < MOST_CONNECTIONS:
            self._gate.open()

    def close(self) -> None:
        """Let go of the listeners."""
        self._gate.close()

    def _taken(self, now: float) -> int:
        while self._gone and now - self._gone[0] > HANDLE_BACK_AFTER_S:
            self._gone.popleft()
        return sum(one.is_counted for one in list(self._open.values())) + len(self._gone)

    def _end(self, transport: int, connection: _Connection) -> None:
        if connection.is_closing:
            return
        connection.is_closing = True
        self._tell(connection.source)
        self._close(transport)
