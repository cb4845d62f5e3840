"""Answers to requests that nothing in pjsip answers.

pjsip leaves what belongs to no call and to none of its modules without any answer, and the sender
repeats it for half a minute: a PUBLISH, a NOTIFY of a phone system that wants us to reboot, an INFO
for a call that we have forgotten. pjsua2 cannot answer either. What none of pjsip's modules wants
comes here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

_log = logging.getLogger(__name__)

# RFC 3261 §12.2.2, RFC 6665 §4.1.3: a request inside of something that there is not.
_NO_SUCH_DIALOG = frozenset({"BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"})
CALL_DOES_NOT_EXIST = 481
METHOD_NOT_ALLOWED = 405  # §21.4.6: its response names the methods that there are
_H_ALLOW = 4  # pjsip_hdr_e


def answer_to(method: str) -> int | None:
    """Return the code for a stray request; None: it gets none (RFC 3261 §17.2.1: an ACK)."""
    if method == "ACK":
        return None
    return CALL_DOES_NOT_EXIST if method in _NO_SUCH_DIALOG else METHOD_NOT_ALLOWED


class StrayRequests:
    """Answers them."""

    def __init__(self, pjsip: Pjsip) -> None:
        """Copy what an OPTIONS would get as Allow; raises `AttributeError` without functions."""
        self._pjsip = pjsip
        self._allow = pjsip.ring_of(pjsip.capability(_H_ALLOW))

    def take(self, packet: Packet) -> bool:
        """Answer."""
        code = answer_to(packet.method)
        if code is None:
            return False
        headers = self._allow if code == METHOD_NOT_ALLOWED else None
        self._pjsip.respond(packet.rdata, code, headers)
        _log.info("A stray %s was answered with %d", packet.method, code)
        return True
