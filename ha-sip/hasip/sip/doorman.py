"""Asks `Strangers` about each request that belongs to no call, before pjsip does anything for it.

pjsua2 calls us only when sockets for the media of a call are open already. pjsip asks this module
first of all, so a request that is refused here costs no more than its parsing, and its dump is not
in the log either.
"""

from __future__ import annotations

import ctypes
import logging
from typing import TYPE_CHECKING

from hasip.sip.dialogs import Dialogs, names_dialog
from hasip.sip.packet import TRANSPORT_AT, read_packet
from hasip.sip.pjsip_module import PjsipModule
from hasip.sip.strangers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.strangers import Strangers

_log = logging.getLogger(__name__)

_FIRST_PRIORITY = 1  # before pjsua's, which writes each message into the log (7)
# They belong to something that was let in, or to nothing.
_OF_SOMETHING = frozenset({"ACK", "CANCEL"})
RETRY_AFTER_S = 2
_FORBIDDEN, _UNAVAILABLE = 403, 503


class Doorman(PjsipModule):
    """The module; it must live as long as pjsip does."""

    def __init__(self, strangers: Strangers) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self._strangers = strangers
        self._dialogs = Dialogs(self.call)
        self._was_told = False
        self.heard_by: Callable[[int], None] = lambda _transport: None
        super().__init__(b"mod-hasip-door", _FIRST_PRIORITY)

    def prepare(self) -> None:
        """Make the header that says when to try again (RFC 3261 §20.33)."""
        pool = self.call("pjsua_pool_create", ctypes.c_void_p, b"hasip-retry", 1024, 1024)
        header = self.call(
            "pjsip_retry_after_hdr_create",
            ctypes.c_void_p,
            ctypes.c_void_p(pool),
            RETRY_AFTER_S,
        )
        self._retry_after = self.ring_of(b"hasip-retry", header)

    def take(self, rdata: int, method: str) -> bool:
        """Let a request pass, or answer it, or drop it."""
        self.heard_by(ctypes.c_void_p.from_address(rdata + TRANSPORT_AT).value or 0)
        read = read_packet(rdata)
        if read is None:  # another build than those we know; `PjAccount` asks then
            if not self._was_told:
                self._was_told = True
                _log.warning("This pjsua2 does not say early who calls: floods cost more")
            return False
        source, _ = read
        of_something = method in _OF_SOMETHING
        if of_something or names_dialog(rdata):
            if self._dialogs.knows(rdata, is_early=of_something):
                return False
            verdict = self._strangers.judge_stray(method, source)
        else:
            verdict = self._strangers.judge(method, source)
            if verdict is Verdict.PASS and method == "INVITE":
                self._dialogs.let_in(rdata)
        if verdict is Verdict.REFUSE:
            self.respond(rdata, _FORBIDDEN)
        elif verdict is Verdict.BUSY:
            self.respond(rdata, _UNAVAILABLE, self._retry_after)
        return verdict is not Verdict.PASS
