"""Requests that we answer otherwise than pjsip would.

What is sent again does not come here, and what does has not been seen by pjsip's dialogs and pjsua.

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
from typing import TYPE_CHECKING

from hasip.sip.departed import departed
from hasip.sip.dialogs import has_dialog
from hasip.sip.pjsip_module import Text
from hasip.sip.received import clean, header_value, tag
from hasip.sip.replaces import read_replaces
from hasip.sip.stray_requests import CALL_DOES_NOT_EXIST

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip
    from hasip.sip.replaces import Replaces

_log = logging.getLogger(__name__)

BAD_REQUEST, BAD_EVENT = 400, 489
_HEADER = b"Replaces"
# RFC 6665 §8.2.2: a 489 says what there is; a REFER makes such a subscription, nothing else does.
_ALLOW_EVENTS, _EVENTS = b"Allow-Events", b"refer"


class NewRequests:
    """Refuses some, and hides from pjsua what others ask for."""

    def __init__(self, pjsip: Pjsip) -> None:
        """Make what the answers need; raises `AttributeError` where pjsip lacks a function."""
        self._pjsip = pjsip
        texts = map(ctypes.byref, (Text.of(_ALLOW_EVENTS), Text.of(_EVENTS)))
        header = pjsip.make_header("pjsip_generic_string_hdr_create", *texts)
        self._allow_events = pjsip.ring_of(header)

    def take(self, packet: Packet) -> bool:
        """Answer, or leave it to pjsua."""
        if packet.method not in ("INVITE", "SUBSCRIBE"):
            return False
        if packet.source is None:  # another build than those we know; `PjCall` is asked then
            return False
        if packet.names_dialog:
            return packet.method == "INVITE" and self._refuse_late(packet)
        if packet.method == "SUBSCRIBE":
            self._pjsip.respond(packet.rdata, BAD_EVENT, self._allow_events)
            return True
        return self._refuse_replacement(packet)

    def _refuse_late(self, packet: Packet) -> bool:
        call_id = clean(header_value(packet.text, "Call-ID") or "")
        if not departed.has(call_id, tag(packet.text, "From")):
            return False
        _log.info("An INVITE came within the call %s, which is over: 481", call_id)
        self._pjsip.respond(packet.rdata, CALL_DOES_NOT_EXIST)
        return True

    def _refuse_replacement(self, packet: Packet) -> bool:
        try:
            wanted = self._wanted(packet)
        except ValueError as error:
            _log.warning("Refused a call from %s: %s", packet.source, error)
            self._pjsip.respond(packet.rdata, BAD_REQUEST)
            return True
        if wanted is None:
            return False
        if not self._is_there(wanted):
            _log.info("Refused a call from %s that replaces one that is not there", packet.source)
            self._pjsip.respond(packet.rdata, CALL_DOES_NOT_EXIST)
            return True
        self._pjsip.hide(packet, _HEADER)
        return False

    def _wanted(self, packet: Packet) -> Replaces | None:
        wanted = read_replaces(packet.text)
        if wanted is None and self._pjsip.find(packet.parsed, _HEADER) is not None:
            msg = "it has a Replaces where only pjsip reads one"  # it ends headers earlier
            raise ValueError(msg)
        return wanted

    def _is_there(self, wanted: Replaces) -> bool:
        parts = (wanted.call_id, wanted.local_tag, wanted.remote_tag)
        texts = [part.encode("utf-8", "surrogateescape") for part in parts]
        return has_dialog(self._pjsip, *map(Text.of, texts))
