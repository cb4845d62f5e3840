"""Messages that pjsip does not survive, kept from it before anything of it acts on them.

Fuzzing found them (`./build.sh fuzz`). pjsip has parsed a message when it asks this module, but has
not looked at what the parts mean. Most are dropped. What a phone may send that means no harm is
answered, after the `Doorman`, so that strangers learn nothing by it.
"""

from __future__ import annotations

import logging
import re

from hasip.sip import sdp
from hasip.sip.build import IS_OURS
from hasip.sip.packet import read_packet
from hasip.sip.pjsip_module import PjsipModule

_log = logging.getLogger(__name__)

_FIRST_PRIORITY = 0
_AFTER_THE_DOORMAN = 2
_NOT_ACCEPTABLE_HERE = 488
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
# Of a name in quotes, and of the address itself, it is no tag (RFC 3261 §20.39).
_TAGGED = re.compile(
    rb"^(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[^\r\n\">]*\r?$", re.IGNORECASE | re.MULTILINE
)
_WORDS_AFTER = 1000


class _Guard(PjsipModule):
    """Keeps messages from pjsip, and tells of it."""

    def __init__(self, name: bytes, priority: int, *, looks_at_responses: bool = False) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self.dropped = 0
        super().__init__(name, priority, looks_at_responses=looks_at_responses)

    def tell(self, method: str, source: str, why: str) -> None:
        """Log it, but not each time: whoever sends one will send many."""
        if self.dropped % _WORDS_AFTER == 0:
            _log.warning(
                "Dropped a %s from %s: %s (%d such messages before)",
                method,
                source,
                why,
                self.dropped,
            )
        self.dropped += 1


class PoisonFilter(_Guard):
    """Drops what nobody sends who means no harm; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        super().__init__(b"mod-hasip-poison", _FIRST_PRIORITY, looks_at_responses=True)

    def take(self, rdata: int, method: str) -> bool:
        """Drop a message that is one of them."""
        read = read_packet(rdata)
        if read is None:
            return False
        source, message = read
        why = what_is_wrong(message)
        if why is None and method == "ACK" and not IS_OURS and not _TAGGED.search(message):
            # Taken for an INVITE that comes by two ways (RFC 3261 §8.2.2.2), it would be answered,
            # which is an assertion (`pjsip_endpt_create_response`); pjsip 2.17 leaves it alone.
            why = "an ACK without a tag in To"
        if why is None:
            return False
        self.tell(method, source, why)
        return True


class BadOffers(_Guard):
    """Refuses media that have no address; the module must live as long as pjsip does.

    pjsip demands an address only of media that are not switched off by port 0 (`validate2` in
    sdp.c), then looks for it all the same: `sort_media` reads by a null pointer, and where that
    goes well `create_answer` has an assertion. It acts on offers in requests only.
    """

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        super().__init__(b"mod-hasip-offers", _AFTER_THE_DOORMAN)

    def take(self, rdata: int, method: str) -> bool:
        """Answer such an offer with 488; an ACK gets none."""
        read = read_packet(rdata)
        if read is None or not sdp.lacks_address(read[1]):
            return False
        self.tell(method, read[0], "its SDP has media without an address (c=), nor one for all")
        if method != "ACK":
            self.respond(rdata, _NOT_ACCEPTABLE_HERE)
        return True


def what_is_wrong(message: bytes) -> str | None:
    """Return what pjsip would not survive in a message, or None."""
    if _LONG_HOST.search(message):
        return "the name of a host is longer than 253 characters"
    if _CONTACT_STAR.search(message.partition(b"\r\n\r\n")[0]):
        return "its Contact is *"
    return None
