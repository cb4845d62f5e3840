"""Asks `Strangers` about each request outside of a call, before pjsip does anything for it.

pjsua2 calls us only when sockets for the media of a call are open already. pjsip asks this module
first of all, so a request that is refused here costs no more than its parsing, and its dump is not
in the log either.
"""

from __future__ import annotations

import ctypes
import ipaddress
import logging
import re
from typing import TYPE_CHECKING

from hasip.sip.build import IS_OURS
from hasip.sip.pjsip_module import PjsipModule
from hasip.sip.strangers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.strangers import Strangers

_log = logging.getLogger(__name__)

_FIRST_PRIORITY = 1  # before pjsua's, which writes each message into the log (7)
# They belong to something that was let in, or find nothing.
_OF_SOMETHING = frozenset({"ACK", "CANCEL"})
_IN_DIALOG = re.compile(rb"^(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE | re.MULTILINE)
# `struct pjsip_rx_data` (sip_transport.h): where its packet is, how much room that has
# (PJSIP_MAX_PKT_LEN), and what follows it.
_TRANSPORT_AT = 8  # `tp_info.transport`
_PACKET_AT = 320
_PACKET_ROOM = 16_000 if IS_OURS else 4_000
_NAME_AT = _PACKET_AT + _PACKET_ROOM + 48
_NAME_LENGTH = 46
_MESSAGE_AT = _NAME_AT + 56
RETRY_AFTER_S = 2
_FORBIDDEN, _UNAVAILABLE = 403, 503


class Doorman(PjsipModule):
    """The module; it must live as long as pjsip does."""

    def __init__(self, strangers: Strangers) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self._strangers = strangers
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
        self.heard_by(ctypes.c_void_p.from_address(rdata + _TRANSPORT_AT).value or 0)
        if method in _OF_SOMETHING:
            return False
        read = _read(rdata)
        if read is None:  # another build than those we know; `PjAccount` asks then
            if not self._was_told:
                self._was_told = True
                _log.warning("This pjsua2 does not say early who calls: floods cost more")
            return False
        source, head = read
        if _IN_DIALOG.search(head):
            return False
        verdict = self._strangers.judge(method, source)
        if verdict is Verdict.REFUSE:
            self.respond(rdata, _FORBIDDEN)
        elif verdict is Verdict.BUSY:
            self.respond(rdata, _UNAVAILABLE, self._retry_after)
        return verdict is not Verdict.PASS


def _read(rdata: int) -> tuple[str, bytes] | None:
    """Return the address of the sender and the head of a message; None if it can't be read."""
    start = ctypes.c_void_p.from_address(rdata + _MESSAGE_AT).value or 0
    length = ctypes.c_int.from_address(rdata + _MESSAGE_AT + 8).value
    packet = rdata + _PACKET_AT
    if not (packet <= start and length > 0 and start + length <= packet + _PACKET_ROOM):
        return None
    name = ctypes.string_at(rdata + _NAME_AT, _NAME_LENGTH).partition(b"\0")[0]
    try:
        source = str(ipaddress.ip_address(name.decode("ascii").partition("%")[0]))
    except ValueError:
        return None
    return source, ctypes.string_at(start, length).partition(b"\r\n\r\n")[0]
