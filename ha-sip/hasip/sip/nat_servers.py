"""Looks after STUN and TURN servers (RFC 8489, RFC 8656), so that pjsip never waits for dead ones.

pjsip asks them for every call. Where one does not answer, it waits: 13 s at the start, in a call
without ICE with the loop standing still; and with ICE the call fails. So they are asked from here,
over and over, and pjsip is given those that answer, by their addresses: it would resolve names on
the loop.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

from hasip.errors import SipError
from hasip.sip.stun import NO_ANSWER, Server, ask, kind_of, new_message, shown_peer, told
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from hasip.errors import HaSipError
    from hasip.loop import Loop
    from hasip.workers import Result

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
# How long the start of the program waits for it.
START_S = 2.0
_BINDING_REQUEST, _BINDING_SUCCESS = 0x0001, 0x0101


def ask_stun(server: str) -> str:
    """Return address and port of a server that answers by UDP; waits; raises `SipError`."""
    with told(f"STUN server {server}"), Server(server).connected() as sock:
        _ask_for_binding(sock)
        return shown_peer(sock)


def ask_turn(server: Server) -> str:
    """Return address and port of a TURN server that answers; waits; raises `SipError`.

    Whether it relays for us is not asked, but its certificate is looked at.
    """
    with told(f"TURN server {server.name}, {server.connection}"), server.connected() as sock:
        if server.connection == "udp":
            _ask_for_binding(sock)
        return shown_peer(sock)


def _ask_for_binding(sock: socket.socket) -> None:
    if kind_of(ask(sock, new_message(_BINDING_REQUEST))) != _BINDING_SUCCESS:
        raise OSError(NO_ANSWER)


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
