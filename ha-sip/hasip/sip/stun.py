"""Messages of STUN (RFC 8489), which TURN has too, and connections to servers of both.

Whatever connects or asks waits: it is for the threads of workers.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.errors import SipError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC_COOKIE = 0x2112A442
HEADER_LENGTH = 20  # bytes
NO_ANSWER = "no answer"
_PORT, _TLS_PORT = 3478, 5349
_CONNECT_S = 2.0
# RFC 8489 §6.2.1, with less patience: a server that takes longer is no help for a call.
_TRIES_S = (0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True)
class Server:
    """A STUN or TURN server as it is set."""

    name: str  # with a port or without
    connection: str = "udp"  # or tcp or tls
    ca_file: Path | None = None  # by tls; None: the authorities of the system

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Connect, and let whoever has it talk; raises `OSError` and `ValueError`."""
        host, port = _split(self.name)
        number = int(port or (_TLS_PORT if self.connection == "tls" else _PORT))
        found = socket.getaddrinfo(host, number, socket.AF_INET, socket.SOCK_DGRAM)
        address = (str(found[0][4][0]), number)
        if self.connection == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.connect(address)
                yield udp
            return
        with socket.create_connection(address, _CONNECT_S) as tcp:
            if self.connection != "tls":
                yield tcp
                return
            with self._encrypted(tcp, host) as tls:
                yield tls

    def _encrypted(self, tcp: socket.socket, host: str) -> socket.socket:
        import ssl  # noqa: PLC0415 - large, and seldom used

        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context.wrap_socket(tcp, server_hostname=host)


def shown_peer(sock: socket.socket) -> str:
    """Return address and port of the other side."""
    host, port = sock.getpeername()
    return f"{host}:{port}"


@contextlib.contextmanager
def told(who: str) -> Iterator[None]:
    """Turn what goes wrong with a server or in its answers into a `SipError` that names it."""
    try:
        yield
    except (OSError, ValueError, struct.error, IndexError) as error:
        why = getattr(error, "strerror", None) or error
        distrust = getattr(error, "verify_message", None)  # of `ssl`, which need not be there
        if distrust is not None:
            why = f"its certificate is not trusted: {distrust}; see --tls-ca-file"
        msg = f"{who}: {why}"
        raise SipError(msg) from error


def new_message(kind: int, attributes: bytes = b"", more: int = 0) -> bytes:
    """Return a request; `more` bytes will be put behind it."""
    header = struct.pack("!HHI", kind, len(attributes) + more, MAGIC_COOKIE)
    return header + os.urandom(12) + attributes


def kind_of(message: bytes) -> int:
    """Return method and class, which share a field."""
    return int.from_bytes(message[:2], "big")


def ask(sock: socket.socket, request: bytes) -> bytes:
    """Send it, by UDP several times; return the answer to it.

    Raises `TimeoutError` where none comes, or another `OSError`.
    """
    for wait_s in _TRIES_S:
        if wait_s == _TRIES_S[0] or sock.type == socket.SOCK_DGRAM:
            sock.sendall(request)
        sock.settimeout(wait_s)
        try:
            answer = sock.recv(2048)
        except TimeoutError:
            continue
        if answer[4:HEADER_LENGTH] == request[4:HEADER_LENGTH]:  # cookie and transaction
            return answer
    raise TimeoutError(NO_ANSWER)


def _split(server: str) -> tuple[str, str]:
    host, colon, port = server.rpartition(":")
    return (host, port) if colon and server.count(":") == 1 else (server, "")
