"""Asks `Strangers` about each request that belongs to no call, before pjsip does anything for it.

pjsua2 calls us only when sockets for the media of a call are open already. pjsip asks this module
first of all, so a request that is refused here costs no more than its parsing, and its dump is not
in the log either.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.sip.dialogs import Dialogs
from hasip.sip.strangers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip
    from hasip.sip.strangers import Strangers

_log = logging.getLogger(__name__)

# They belong to something that was let in, or to nothing.
_OF_SOMETHING = frozenset({"ACK", "CANCEL"})
# Those of strangers keep no connection open.
_OF_ONE_OF_OURS = frozenset({Verdict.PASS, Verdict.BUSY})
RETRY_AFTER_S = 2
_FORBIDDEN, _UNAVAILABLE = 403, 503


class Doorman:
    """Lets requests pass, or turns them away."""

    def __init__(self, pjsip: Pjsip, strangers: Strangers) -> None:
        """Ask `strangers`; raises `AttributeError` in a build without pjsip's functions."""
        self._pjsip = pjsip
        self._strangers = strangers
        self._dialogs = Dialogs(pjsip)
        self._was_told = False
        self.heard_by: Callable[[int], None] = lambda _transport: None
        # When to try again (RFC 3261 §20.33).
        self._retry_after = pjsip.ring_of(
            pjsip.make_header("pjsip_retry_after_hdr_create", RETRY_AFTER_S)
        )

    def take(self, packet: Packet) -> bool:
        """Let a request pass, or answer it, or drop it."""
        if packet.source is None:  # another build than those we know; `PjAccount` asks then
            if not self._was_told:
                self._was_told = True
                _log.warning("This pjsua2 does not say early who calls: floods cost more")
            self.heard_by(packet.transport)
            return False
        verdict = self._judge(packet, packet.source)
        if verdict is Verdict.REFUSE:
            self._pjsip.respond(packet.rdata, _FORBIDDEN)
        elif verdict is Verdict.BUSY:
            self._pjsip.respond(packet.rdata, _UNAVAILABLE, self._retry_after)
        if verdict in _OF_ONE_OF_OURS:
            self.heard_by(packet.transport)
        return verdict is not Verdict.PASS

    def _judge(self, packet: Packet, source: str) -> Verdict:
        of_something = packet.method in _OF_SOMETHING
        if of_something or packet.names_dialog:
            if self._dialogs.knows(packet, is_early=of_something):
                return Verdict.PASS
            return self._strangers.judge_stray(packet.method, source)
        if packet.method == "INVITE" and self._dialogs.has_begun(packet):
            return Verdict.PASS
        verdict = self._strangers.judge(packet.method, source)
        if verdict is Verdict.PASS and packet.method == "INVITE":
            self._dialogs.let_in(packet)
        return verdict
