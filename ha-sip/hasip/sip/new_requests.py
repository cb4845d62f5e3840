"""Requests that we answer otherwise than pjsip would.

It asks this module after its transactions, so what is sent again does not come here, and before its
dialogs and pjsua.

INVITE within a call that is over: as long as pjsip remembers the dialog it says nothing at all, and
the peer asks again for half a minute. A phone's hold that meets our BYE is one.

INVITE with Replaces: pjsua takes such a call with all its calls locked, and then wants the lock of
the call that is replaced. A hang-up has that one, and wants the other: both wait for ever. So pjsua
never gets to see the header: the INVITE comes to `PjAccount` like any other, and the loop does the
rest. What cannot be replaced is refused here, before pjsua makes a call of it.

SUBSCRIBE: pjsua tells everybody the presence of a telephone that has none.
"""

from __future__ import annotations

import ctypes
import logging

from hasip.sip.departed import departed
from hasip.sip.dialogs import has_dialog
from hasip.sip.packet import read_packet
from hasip.sip.pjsip_module import PjsipModule, Text
from hasip.sip.received import clean, header_value, tag
from hasip.sip.replaces import Replaces, read_replaces
from hasip.sip.stray_requests import CALL_DOES_NOT_EXIST

_log = logging.getLogger(__name__)

# sip_module.h: after transactions (16), before dialogs (32).
_PRIORITY = 20
BAD_REQUEST, BAD_EVENT = 400, 489
_HEADER = b"Replaces"
# RFC 6665 §8.2.2: a 489 says what there is; a REFER makes such a subscription, nothing else does.
_ALLOW_EVENTS, _EVENTS = b"Allow-Events", b"refer"


class NewRequests(PjsipModule):
    """The module; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        super().__init__(b"mod-hasip-new", _PRIORITY)

    def prepare(self) -> None:
        """Make the header that goes with a 489."""
        pool = self.call("pjsua_pool_create", ctypes.c_void_p, b"hasip-events", 1024, 1024)
        header = self.call(
            "pjsip_generic_string_hdr_create",
            ctypes.c_void_p,
            ctypes.c_void_p(pool),
            ctypes.byref(Text(_ALLOW_EVENTS, len(_ALLOW_EVENTS))),
            ctypes.byref(Text(_EVENTS, len(_EVENTS))),
        )
        self._allow_events = self.ring_of(b"hasip-events", header)

    def take(self, rdata: int, method: str) -> bool:
        """Answer, or leave it to pjsua."""
        if method not in ("INVITE", "SUBSCRIBE"):
            return False
        read = read_packet(rdata)
        if read is None:  # another build than those we know; `PjCall` is asked then, and declines
            return False
        source, message = read[0], read[1].decode("utf-8", "surrogateescape")
        if tag(message, "To"):
            return method == "INVITE" and self._refuse_late(rdata, message)
        if method == "SUBSCRIBE":
            self.respond(rdata, BAD_EVENT, self._allow_events)
            return True
        return self._refuse_replacement(rdata, source, message)

    def _refuse_late(self, rdata: int, message: str) -> bool:
        call_id = clean(header_value(message, "Call-ID") or "")
        if not departed.has(call_id, tag(message, "From")):
            return False
        _log.info("An INVITE came within the call %s, which is over: 481", call_id)
        self.respond(rdata, CALL_DOES_NOT_EXIST)
        return True

    def _refuse_replacement(self, rdata: int, source: str, message: str) -> bool:
        try:
            wanted = read_replaces(message)
        except ValueError as error:
            _log.warning("Refused a call from %s: %s", source, error)
            self.respond(rdata, BAD_REQUEST)
            return True
        if wanted is None:
            return False
        if not self._is_there(wanted):
            _log.info("Refused a call from %s that replaces one that is not there", source)
            self.respond(rdata, CALL_DOES_NOT_EXIST)
            return True
        self.hide(rdata, _HEADER)
        return False

    def _is_there(self, wanted: Replaces) -> bool:
        parts = (wanted.call_id, wanted.local_tag, wanted.remote_tag)
        texts = [part.encode("utf-8", "surrogateescape") for part in parts]
        return has_dialog(self.call, *(Text(text, len(text)) for text in texts))
