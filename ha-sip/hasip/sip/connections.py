"""Limits the connections that others make to us by TCP and TLS.

pjsip takes every connection and keeps it, also one by which nothing ever comes. The handles and
descriptors that this costs are those that calls need; a wheel's pjsip has 64 in all. So one
source has so many connections, all have so many, and one that brings no request is closed soon. At
the limit of all, the kernel drops what would be new ones, until there is room: pjsip can't be told.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import logging
import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasip.sip.build import IS_OURS
from hasip.sip.c_library import c_library
from hasip.tcp import stream_sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pjsua2 as pj

    from hasip.clock import Clock

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 200 if IS_OURS else 16
MOST_OF_ONE_SOURCE = MOST_CONNECTIONS // 4
REQUEST_WITHIN_S = 10.0
SWEEP_EVERY_S = 1.0
# pjsip gives a handle back so long after it was closed (PJ_IOQUEUE_KEY_FREE_DELAY).
HANDLE_BACK_AFTER_S = 0.6
LINES_APART_S = 60.0

# `struct pjsip_transport` (sip_transport.h): its name, and `key.rem_addr`, a `sockaddr`.
_NAME_ROOM = 32
_ADDRESS_AT = 88
_V4_AT, _V6_AT = 4, 8
# linux/filter.h, asm-generic/socket.h: a filter of one instruction, which drops every packet.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_DROP_ALL = ctypes.create_string_buffer(b"\x06\0\0\0\0\0\0\0", 8)


@dataclass(slots=True)
class _Connection:
    source: str
    since: float
    has_asked: bool = False  # a request came by it
    is_closing: bool = False


class Gate:
    """Has the kernel drop new connections to our listeners for a while."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._listeners = list(_listeners(frozenset(ports)))
        self.is_shut = False

    def shut(self) -> None:
        """Drop every attempt to connect; those that are connected notice nothing."""
        program = (len(_DROP_ALL) // 8).to_bytes(8, "little") + ctypes.addressof(
            _DROP_ALL
        ).to_bytes(8, "little")
        self._set(_SO_ATTACH_FILTER, program)
        self.is_shut = True

    def open(self) -> None:
        """Let new ones in again."""
        self._set(_SO_DETACH_FILTER, bytes(4))
        self.is_shut = False

    def close(self) -> None:
        """Let go of the listeners."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _set(self, option: int, value: bytes) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, option, value)


class Connections:
    """What others have connected; its methods run on pjsip's one thread, `close` on the loop's."""

    def __init__(self, clock: Clock, gate: Gate, close: Callable[[int], None]) -> None:
        self._clock = clock
        self._gate = gate
        self._close = close
        self._open: dict[int, _Connection] = {}
        self._gone: deque[float] = deque()  # when handles were closed
        self._said_at = -LINES_APART_S
        self.closed = 0

    @property
    def count(self) -> int:
        """Count those that are open."""
        return len(self._open)

    @property
    def is_holding_back(self) -> bool:
        """Tell whether new ones are dropped."""
        return self._gate.is_shut

    def came(self, transport: int, source: str) -> None:
        """Take a new connection, or close it."""
        now = self._clock.now()
        of_source = sum(other.source == source for other in self._open.values())
        connection = self._open[transport] = _Connection(source, now)
        if self._taken(now) >= MOST_CONNECTIONS and not self._gate.is_shut:
            self._gate.shut()
        if of_source >= MOST_OF_ONE_SOURCE or len(self._open) > MOST_CONNECTIONS:
            self._end(transport, connection)

    def asked(self, transport: int) -> None:
        """Take that a request came by a connection."""
        connection = self._open.get(transport)
        if connection is not None:
            connection.has_asked = True

    def went(self, transport: int) -> None:
        """Take that a connection is gone."""
        if self._open.pop(transport, None) is not None:
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
        return len(self._open) + len(self._gone)

    def _end(self, transport: int, connection: _Connection) -> None:
        if connection.is_closing:
            return
        connection.is_closing = True
        self.closed += 1
        now = self._clock.now()
        if now - self._said_at > LINES_APART_S:
            self._said_at = now
            _log.warning(
                "Connections that are too many or bring no request are closed: %d so far, the last "
                "from %s",
                self.closed,
                connection.source,
            )
        self._close(transport)


def incoming_connection(prm: pj.OnTransportStateParam) -> tuple[int, str] | None:
    """Return the transport and the source of a connection that others made; None for others."""
    transport = int(prm.hnd)
    name = ctypes.string_at(transport, _NAME_ROOM)
    if not name.startswith((b"tcps", b"tlss")):  # "server"; ours are tcpc and tlsc
        return None
    address = transport + _ADDRESS_AT
    family = int.from_bytes(ctypes.string_at(address, 2), "little")
    if family == socket.AF_INET:
        return transport, str(ipaddress.IPv4Address(ctypes.string_at(address + _V4_AT, 4)))
    if family == socket.AF_INET6:
        return transport, str(ipaddress.IPv6Address(ctypes.string_at(address + _V6_AT, 16)))
    return transport, "an unknown address"


def close_connection(transport: int) -> None:
    """Have pjsip close a connection; on a thread of pjsip's."""
    library = c_library()
    library.pjsip_transport_shutdown2(ctypes.c_void_p(transport), 1)


def _listeners(ports: frozenset[int]) -> list[socket.socket]:
    """Return our listening sockets with those ports, each with a descriptor of its own."""
    found = []
    for listener in stream_sockets():
        is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if is_listening and listener.getsockname()[1] in ports:
            found.append(listener)
        else:
            listener.close()
    return found
