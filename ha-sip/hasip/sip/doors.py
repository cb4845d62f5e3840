"""The doors by which others come: what keeps some out, put together, and what is said of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.sip.build import IS_OURS
from hasip.sip.connections import Connections
from hasip.sip.gate import Gate
from hasip.sip.handshakes import Handshakes
from hasip.sip.incoming import IncomingMessages
from hasip.sip.lean_invite import LeanInvites
from hasip.sip.overload import Overload
from hasip.sip.pj_transport import close_connection, incoming_connection
from hasip.sip.strangers import REPORT_EVERY_S, Strangers

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.clock import Clock
    from hasip.loop import Loop
    from hasip.settings.model import Sip

_log = logging.getLogger(__name__)

# New calls a second. A wheel's pjsip has 64 handles, a call takes two and returns them half a
# second after its end; it aborts at one too many.
CALLS_PER_S = 60.0 if IS_OURS else 20.0
SWEEP_EVERY_S = 1.0
LINES_APART_S = 60.0


@dataclass(frozen=True, slots=True)
class Household:
    """What the doors ask about those who live here; on any thread."""

    accepts: Callable[[str], bool]  # does any account take requests from an address?
    is_learning: Callable[[], bool]  # is any still to find out from where it does?


class Doors:
    """They must live as long as pjsip does. Loop thread, unless said otherwise."""

    def __init__(self, loop: Loop, sip: Sip, household: Household) -> None:
        self._loop = loop
        self._sip = sip
        self._household = household
        self._incoming: IncomingMessages | None = None
        self._lean_invites: LeanInvites | None = None
        self._connections: Connections | None = None
        self._handshakes: Handshakes | None = None
        self._is_closed = False

    def watch_messages(self) -> None:
        """See each message, from when pjsip is there; nothing is listened to yet."""
        strangers = Strangers(
            self._loop.clock,
            accepts=self._household.accepts,
            is_learning=self._household.is_learning,
            is_late=Overload(self._loop.clock, self._loop.post).ask,
            calls_per_s=CALLS_PER_S,
            calls_at_once=CALLS_PER_S,
        )
        self._report(strangers)
        try:
            self._incoming = IncomingMessages(strangers)
        except OSError as error:
            _log.warning(
                "Strangers, floods and idle connections are not turned away early, requests that "
                "belong to no call get no answer, and a wrong password may be shown three times a "
                "try: %s",
                error,
            )
        try:
            self._lean_invites = LeanInvites()
        except OSError as error:
            _log.info("An INVITE may not fit into one packet: %s", error)

    def watch_connections(self, have_swept: Callable[[], None]) -> None:
        """Limit what others connect, from when pjsip begins to take it.

        `have_swept` has `sweep` called on the thread that opens and closes connections.
        """
        clock, closed = self._loop.clock, _ClosedOnes(self._loop.clock)

        def tell(source: str) -> None:
            self._loop.post(lambda: closed.add(source))

        if self._incoming is not None:  # else nobody tells which of them bring a request
            self._connections = Connections(clock, Gate(self._sip.port), close_connection, tell)
            self._incoming.doorman.heard_by = self._connections.asked
        if self._sip.options.tls:
            self._handshakes = Handshakes(clock, Gate(self._sip.options.tls_port), tell)
            self._handshakes.start()
        self._loop.call_later(SWEEP_EVERY_S, lambda: self._sweep_again(have_swept))

    def heard(self, prm: pj.OnTransportStateParam) -> None:
        """Take what pjsip says of a connection, in its callback."""
        connection = incoming_connection(prm)
        if connection is None or self._connections is None:
            return
        transport, source, is_tls = connection
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED:
            self._connections.came(transport, source, is_tls=is_tls)
        elif prm.state in (pj.PJSIP_TP_STATE_DISCONNECTED, pj.PJSIP_TP_STATE_DESTROY):
            self._connections.went(transport)

    def sweep(self) -> None:
        """Close the connections that bring nothing; on a thread of pjsip's."""
        if self._connections is not None:
            self._connections.sweep()

    def close(self) -> None:
        """Let go of the listeners, before pjsip ends."""
        self._is_closed = True
        if self._connections is not None:
            self._connections.close()
        if self._handshakes is not None:
            self._handshakes.close()

    def _report(self, strangers: Strangers) -> None:
        strangers.report()
        self._loop.call_later(REPORT_EVERY_S, lambda: self._report(strangers))

    def _sweep_again(self, have_swept: Callable[[], None]) -> None:
        if self._is_closed or self._connections is None:
            return
        if self._connections.count or self._connections.is_holding_back:
            have_swept()
        self._loop.call_later(SWEEP_EVERY_S, lambda: self._sweep_again(have_swept))


class _ClosedOnes:
    """Tells of the connections that were closed, seldom."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_at = -LINES_APART_S
        self._number = 0

    def add(self, source: str) -> None:
        """Take that one was too much, and from where."""
        self._number += 1
        now = self._clock.now()
        if now - self._said_at > LINES_APART_S:
            self._said_at = now
            _log.warning(
                "Connections that are too many or bring no request are closed, or wait to be "
                "taken: %d so far, the last from %s",
                self._number,
                source,
            )
