"""Answers to requests that nothing in pjsip answers.

pjsip leaves what belongs to no call and to none of its modules without any answer, and the sender
repeats it for half a minute: a PUBLISH, a NOTIFY of a phone system that wants us to reboot, an INFO
for a call that we have forgotten. pjsua2 cannot answer either. So this is a pjsip module, which
pjsip asks after all others.
"""

from __future__ import annotations

import logging

from hasip.sip.pjsip_module import PjsipModule

_log = logging.getLogger(__name__)

# RFC 3261 §12.2.2, RFC 6665 §4.1.3: a request inside of something that there is not.
_NO_SUCH_DIALOG = frozenset({"BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"})
CALL_DOES_NOT_EXIST = 481
METHOD_NOT_ALLOWED = 405  # §21.4.6: its response names the methods that there are
# sip_module.h: after the modules of applications (64).
_LAST_PRIORITY = 127
_H_ALLOW = 4  # pjsip_hdr_e


def answer_to(method: str) -> int | None:
    """Return the code for a stray request; None: it gets none (RFC 3261 §17.2.1: an ACK)."""
    if method == "ACK":
        return None
    return CALL_DOES_NOT_EXIST if method in _NO_SUCH_DIALOG else METHOD_NOT_ALLOWED


class StrayRequests(PjsipModule):
    """The module; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        super().__init__(b"mod-hasip-stray", _LAST_PRIORITY)

    def prepare(self) -> None:
        """Copy what an OPTIONS would get as Allow."""
        self._allow = self.ring_of(b"hasip-allow", self.capability(_H_ALLOW))

    def take(self, rdata: int, method: str) -> bool:
        """Answer."""
        code = answer_to(method)
        if code is None:
            return False
        self.respond(rdata, code, self._allow if code == METHOD_NOT_ALLOWED else None)
        _log.info("A stray %s was answered with %d", method, code)
        return True
