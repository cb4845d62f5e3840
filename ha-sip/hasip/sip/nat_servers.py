"""Looks after STUN and TURN servers (RFC 5389, RFC 5766), so that pjsip never waits for dead ones.

pjsip asks them for every call. Where one does not answer, it waits: 13 s at the start, in a call
without ICE with the loop standing still; and with ICE the call fails. So they are asked from here,
over and over, and pjsip is given those that answer, by their addresses: it would resolve names on
the loop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import struct
import threading
from typing import TYPE_CHECKING

from hasip.errors import SipError
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hasip.errors import HaSipError
    from hasip.loop import Loop
    from hasip.workers import Result

_log = logging.getLogger(__name__)

PORT, TLS_PORT = 3478, 5349
NO_ANSWER = "no answer"
CONNECT_S = 2.0
LOOK_EVERY_S = 15.0
# How long the start of the program waits for it.
START_S = 2.0
# RFC 5389 §7.2.1, with less patience: a server that takes longer is no help for a call.
TRIES_S = (0.3, 0.5, 0.7)
_MAGIC_COOKIE = 0x2112A442
_BINDING_REQUEST, _BINDING_SUCCESS = 0x0001, 0x0101


def ask_stun(server: str) -> str:
    """Return address and port of a server that answers by UDP; waits; raises `SipError`."""
    with _told(f"STUN server {server}"):
        address = _resolve(server, PORT)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            if not _answers(sock):
                raise TimeoutError(NO_ANSWER)
        return f"{address[0]}:{address[1]}"


def ask_turn(server: str, connection: str, ca_file: Path | None) -> str:
    """Return address and port of a TURN server that answers; waits; raises `SipError`.

    Whether it relays for us is not asked, but its certificate is looked at.
    """
    import ssl  # noqa: PLC0415 - large, and seldom used

    with _told(f"TURN server {server}, {connection}"):
        address = _resolve(server, TLS_PORT if connection == "tls" else PORT)
        shown = f"{address[0]}:{address[1]}"
        if connection == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.connect(address)
                if not _answers(udp):
                    raise TimeoutError(NO_ANSWER)
            return shown
        with socket.create_connection(address, CONNECT_S) as tcp:
            if connection == "tls":
                context = ssl.create_default_context()
                if ca_file is not None:
                    context.load_verify_locations(ca_file)
                with context.wrap_socket(tcp, server_hostname=_split(server)[0]):
                    pass
        return shown


@contextlib.contextmanager
def _told(who: str) -> Iterator[None]:
    """Turn whatever goes wrong with a server into a `SipError` that names it."""
    import ssl  # noqa: PLC0415 - large, and seldom used

    try:
        yield
    except ssl.SSLCertVerificationError as error:
        msg = f"{who}: its certificate is not trusted: {error.verify_message}; see --tls-ca-file"
        raise SipError(msg) from error
    except (OSError, ValueError) as error:
        msg = (
            f"{who}: {error.strerror or error}" if isinstance(error, OSError) else f"{who}: {error}"
        )
        raise SipError(msg) from error


def _split(server: str) -> tuple[str, str]:
    host, colon, port = server.rpartition(":")
    return (host, port) if colon and server.count(":") == 1 else (server, "")


def _resolve(server: str, default_port: int) -> tuple[str, int]:
    host, port = _split(server)
    number = int(port or default_port)
    found = socket.getaddrinfo(host, number, socket.AF_INET, socket.SOCK_DGRAM)
    return str(found[0][4][0]), number


def _answers(sock: socket.socket) -> bool:
    transaction = os.urandom(12)
    request = struct.pack("!HHI", _BINDING_REQUEST, 0, _MAGIC_COOKIE) + transaction
    expected = struct.pack("!I", _MAGIC_COOKIE) + transaction
    for wait_s in TRIES_S:
        sock.send(request)
        sock.settimeout(wait_s)
        try:
            answer = sock.recv(2048)
        except TimeoutError:
            continue
        if answer[:2] == struct.pack("!H", _BINDING_SUCCESS) and answer[4:20] == expected:
            return True
    return False


class ServerWatch:
    """Knows whether a server answers; loop thread only."""

    def __init__(self, loop: Loop, probe: Callable[[], str]) -> None:
        """`probe` waits and returns where the server is, or raises `SipError`."""
        self._loop = loop
        self._probe = probe
        self._pool = WorkerPool("nat-server", loop, threads=1, waiting=0)
        self._on_change: Callable[[], None] = lambda: None
        self._has_failed = False
        # Where it answers; None: it does not.
        self.address: str | None = None

    def look_at_start(self) -> None:
        """Ask for the first time, before there is anything that could be held up."""
        answers: queue.SimpleQueue[str | SipError] = queue.SimpleQueue()

        def look() -> None:
            try:
                answers.put(self._probe())
            except SipError as error:
                answers.put(error)

        threading.Thread(target=look, name="nat-server-start", daemon=True).start()
        try:
            answer = answers.get(timeout=START_S)
        except queue.Empty:
            return  # it is asked again at once, and then it is said why
        if isinstance(answer, str):
            self.address = answer
        else:
            self._say_failure(answer)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Ask again and again, and call back when it comes or goes."""
        self._on_change = on_change
        self._loop.call_later(LOOK_EVERY_S if self.address or self._has_failed else 0.0, self._look)

    def _look(self) -> None:
        self._pool.submit(self._probe, self._heard)

    def _heard(self, result: Result[str]) -> None:
        before = self.address
        self.address = None if isinstance(result, Failed) else result.value
        if isinstance(result, Failed):
            self._say_failure(result.error)
        elif self._has_failed:
            self._has_failed = False
            _log.info("The STUN or TURN server %s answers again", result.value)
        if before != self.address:
            self._on_change()
        self._loop.call_later(LOOK_EVERY_S, self._look)

    def _say_failure(self, error: HaSipError) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.warning("%s; going on without it until it answers", error)
