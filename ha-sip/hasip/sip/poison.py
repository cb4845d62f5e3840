"""Messages that pjsip does not survive, dropped before anything of it acts on them.

Fuzzing found them (`./build.sh fuzz`). pjsip has parsed a message when it asks this module, but has
not looked at what the parts mean.
"""

from __future__ import annotations

import logging
import re

from hasip.sip.packet import read_packet
from hasip.sip.pjsip_module import PjsipModule

_log = logging.getLogger(__name__)

_FIRST_PRIORITY = 0
# pjsip asserts that no host is longer than names may be (RFC 1035 §2.3.4, PJ_MAX_HOSTNAME).
_LONG_HOST = re.compile(
    rb"@[^\s;>,?:/\"]{254}"
    rb"|\bsips?:[^\s;>,?:/\"@]{254}[^\s;>,?:/\"@]*(?![^\s;>,?:/\"@]*@)"
    rb"|\bSIP\s*/\s*2\.0\s*/\s*\w+\s+[^\s;,:]{254}"
    rb"|^c=\s*IN\s+IP[46]\s+[^\s/]{254}",
    re.IGNORECASE | re.MULTILINE,
)
# `*` may stand in a REGISTER, which we take from nobody (RFC 3261 §10.2.2); pjsip takes it for an
# address, and there is none.
_CONTACT_STAR = re.compile(
    rb"^(?:Contact|m)[ \t]*:\s*(?:[^\r\n]*,\s*)?\*", re.IGNORECASE | re.MULTILINE
)
_WORDS_AFTER = 1000


class PoisonFilter(PjsipModule):
    """The module; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self.dropped = 0
        super().__init__(b"mod-hasip-poison", _FIRST_PRIORITY, looks_at_responses=True)

    def take(self, rdata: int, method: str) -> bool:
        """Drop a message that is one of them."""
        read = read_packet(rdata)
        if read is None:
            return False
        source, message = read
        why = what_is_wrong(message)
        if why is None:
            return False
        # Whoever sends one will send many.
        if self.dropped % _WORDS_AFTER == 0:
            _log.warning(
                "Dropped a %s from %s: %s (%d such messages before)",
                method,
                source,
                why,
                self.dropped,
            )
        self.dropped += 1
        return True


def what_is_wrong(message: bytes) -> str | None:
    """Return what pjsip would not survive in a message, or None."""
    if _LONG_HOST.search(message):
        return "the name of a host is longer than 253 characters"
    if _CONTACT_STAR.search(message.partition(b"\r\n\r\n")[0]):
        return "its Contact is *"
    return None
