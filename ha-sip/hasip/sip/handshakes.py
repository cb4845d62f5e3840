"""Limits what others connect by TLS, from before the handshake.

pjsip tells of a connection by TLS when its handshake is over, and before that it has cost a
descriptor, a handle and an OpenSSL context with all authorities in it. So a thread of ours waits at
the listeners, sees what was taken there by the sockets that this process has, and ends what is
too much; pjsip notices an end of the connection. At the limit of all the gate is shut.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING

from hasip.sip.build import IS_OURS
from hasip.sip.connections import share
from hasip.sip.errors import guarded
from hasip.sip.sources import counted_as
from hasip.sip.strangers import Bucket
from hasip.tcp import stream_sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasip.clock import Clock
    from hasip.sip.gate import Gate

MOST_BY_TLS = 200 if IS_OURS else 8
MOST_OF_ONE_SOURCE = share(MOST_BY_TLS)
# A handshake costs milliseconds of the one thread by which pjsip does all of SIP.
HANDSHAKES_PER_S = 20.0 if IS_OURS else 5.0
HANDSHAKES_AT_ONCE = 2 * HANDSHAKES_PER_S
SOURCES_GONE = "sources that are gone by now"
LOOK_EVERY_S = 1.0  # while the gate is shut, and so long at least it stays so

Peer = tuple[str, int]


class Handshakes:
    """What has come; all but `start` and `close` is for the thread."""

    def __init__(self, clock: Clock, gate: Gate, tell: Callable[[str], None]) -> None:
        """Take the listeners of a gate; `tell` gets the source of what was too much."""
        self._clock = clock
        self._gate = gate
        self._tell = tell
        self._bucket = Bucket(clock, HANDSHAKES_PER_S, HANDSHAKES_AT_ONCE)
        self._known = frozenset[Peer]()
        self._shut_at = 0.0
        self._ports = {listener.getsockname()[1] for listener in gate.listeners}
        self._end = -1

    def start(self) -> None:
        """Watch from now on; where nobody can connect by TLS there is nothing to watch."""
        if self._gate.listeners:
            self._end = os.eventfd(0)
            threading.Thread(target=self._watch, name="handshakes", daemon=True).start()

    def close(self) -> None:
        """Have the thread end."""
        if self._end >= 0:
            os.eventfd_write(self._end, 1)

    def look(self, told: int = 0) -> None:
        """See what has come since the last time; end what is too much.

        The kernel told of `told` at least; one that has ended by now has cost pjsip a handle, too.
        """
        connected = frozenset(peer for _, peer in self._connected())
        new = connected - self._known
        self._known = connected
        of_source = Counter(counted_as(host) for host, _ in connected)
        surplus = set[Peer]()
        for peer in new:
            source = counted_as(peer[0])
            if of_source[source] > MOST_OF_ONE_SOURCE or sum(of_source.values()) > MOST_BY_TLS:
                of_source[source] -= 1
                surplus.add(peer)
                self._tell(source)
        if surplus:
            self._shut_down(surplus)
        came = [host for host, _ in new] + [SOURCES_GONE] * (told - len(new))
        too_fast = [host for host in came if not self._bucket.take()]
        if too_fast or len(connected) - len(surplus) >= MOST_BY_TLS:
            self._shut_gate(too_fast or list(of_source))
        elif self._gate.is_shut and self._clock.now() - self._shut_at >= LOOK_EVERY_S:
            self._gate.open()

    def _shut_gate(self, sources: list[str]) -> None:
        self._shut_at = self._clock.now()
        if not self._gate.is_shut:
            self._gate.shut()
            self._tell(sources[-1])

    def _watch(self) -> None:
        with select.epoll() as kernel:
            kernel.register(self._end, select.EPOLLIN)
            for listener in self._gate.listeners:
                # Told of each that comes, also where pjsip has taken it from the queue by then.
                kernel.register(listener, select.EPOLLIN | select.EPOLLET)
            while True:
                events = kernel.poll(LOOK_EVERY_S if self._gate.is_shut else None)
                if any(descriptor == self._end for descriptor, _ in events):
                    break
                with guarded("handshakes"):
                    self.look(len(events))
        os.close(self._end)
        self._gate.close()

    def _shut_down(self, peers: set[Peer]) -> None:
        for connection, peer in self._connected():
            if peer in peers:
                with contextlib.suppress(OSError):  # it has just ended
                    connection.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> Iterator[tuple[socket.socket, Peer]]:
        """Yield the sockets that were taken at our listeners, each open until the next."""
        for found in stream_sockets():
            with found, contextlib.suppress(OSError):  # a listener, or it has just ended
                host, port, *_ = found.getpeername()
                if found.getsockname()[1] in self._ports:
                    yield found, (host, port)
