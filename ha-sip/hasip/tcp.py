"""How a TCP connection of ours is given up that leads nowhere any more.

TCP itself would try for 15 minutes. The kernel can be told to give up sooner, socket by socket. And
where this machine's address has changed, every connection from the one before is dead at once:
whoever waits for an answer by it can be told so, whichever library made it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A connection whose other end has gone without a word (a router was restarted, a NAT forgot it) is
# given up after this time, on an idle connection too.
DEAD_AFTER_S = 20
_PROBE_AFTER_S = 10
_PROBE_EVERY_S = 5
GIVE_UP_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY_S),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_S * 1000),
)


def stream_sockets() -> Iterator[socket.socket]:
    """Yield a copy of each TCP socket of this process; whoever gets one must close it."""
    for name in [entry.name for entry in Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError, ValueError):
            copy = os.dup(int(name))
            try:
                found = socket.socket(fileno=copy)
            except OSError:  # no socket
                os.close(copy)
                continue
            is_tcp = found.type == socket.SOCK_STREAM and found.family in (
                socket.AF_INET,
                socket.AF_INET6,
            )
            if is_tcp:
                yield found
            else:
                found.close()


def end_dead_connections() -> int:
    """End the connections from addresses that this machine has no more; returns how many.

    Their owners see an end of the connection. Any thread; waits for nothing.
    """
    ended = 0
    for connection in stream_sockets():
        with connection, contextlib.suppress(OSError):
            connection.getpeername()  # raises where it is not connected
            if not _is_ours(connection):
                connection.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


def _is_ours(connection: socket.socket) -> bool:
    """Tell whether its address is still one of this machine's."""
    host, _, *more = connection.getsockname()
    with socket.socket(connection.family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0, *more))
        except OSError:
            return False
    return True
