"""Many who connect by TLS and want nothing: silent, half a handshake, a whole one, or no TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import Self

ALL_HOSTS = tuple(f"127.0.0.{number}" for number in range(2, 202))
THREADS_EACH = 2
GIVE_UP_AFTER_S = 0.5


def client_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return one that takes any certificate, with that version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


def half_hello(context: ssl.SSLContext) -> bytes:
    """Return the first half of what a client says first."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    hello = outgoing.read()
    return hello[: len(hello) // 2]


class TlsCrowd:
    """Connects as fast as it is taken, for a while, from many addresses; keeps what it has."""

    def __init__(self, port: int, version: ssl.TLSVersion) -> None:
        self._address = ("127.0.0.1", port)
        self._context = client_context(version)
        self._hello = half_hello(self._context)
        self._kept: list[socket.socket] = []
        self._ends_at = 0.0
        self._threads: list[threading.Thread] = []
        self.tried = {"silent": 0, "half": 0, "whole": 0, "rubbish": 0}
        self.made = dict.fromkeys(self.tried, 0)

    def start(self, seconds: float) -> None:
        """Begin, and go on for so long."""
        self._ends_at = time.monotonic() + seconds
        self._threads = [
            threading.Thread(target=self._go_on, args=(kind, number))
            for kind in self.tried
            for number in range(THREADS_EACH)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_going(self) -> bool:
        """Tell whether they still come."""
        return any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        """Have nobody yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all."""
        for thread in self._threads:
            thread.join()
        for connection in self._kept:
            connection.close()

    def _go_on(self, kind: str, number: int) -> None:
        while time.monotonic() < self._ends_at:
            # Half of them from one address, that of the first thread.
            count = self.tried[kind]
            host = ALL_HOSTS[0] if number == 0 else ALL_HOSTS[count % len(ALL_HOSTS)]
            self.tried[kind] += 1
            with contextlib.suppress(OSError):
                self._connect(kind, host)
                self.made[kind] += 1

    def _connect(self, kind: str, host: str) -> None:
        connection = socket.create_connection(self._address, GIVE_UP_AFTER_S, (host, 0))
        self._kept.append(connection)
        if kind == "half":
            connection.sendall(self._hello)
        elif kind == "whole":
            self._kept.append(self._context.wrap_socket(connection))
        elif kind == "rubbish":  # pjsip ends it at once, and its handle is kept for a while
            connection.sendall(b"no TLS at all\r\n\r\n")
            connection.recv(1)
