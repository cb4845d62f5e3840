"""Messages that pjsip does not survive, kept from it before anything of it acts on them.

Fuzzing found them (`./build.sh fuzz`). pjsip has parsed a message when it asks this module, but has
not looked at what the parts mean. Most are dropped. What a phone may send that means no harm is
answered, after the `Doorman`, so that strangers learn nothing by it.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from hasip.sip import sdp
from hasip.sip.build import IS_OURS

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

_log = logging.getLogger(__name__)

_NOT_ACCEPTABLE_HERE = 488
# These read what strangers send, and hold up all threads meanwhile: a time that grows with the
# square of the length lets a few packets stop us. Hence `*+`, which gives nothing back.
# pjsip asserts that no host is longer than names may be (RFC 1035 §2.3.4, PJ_MAX_HOSTNAME).
_LONG_HOST = re.compile(
    rb"@[^\s;>,?:/\"]{254}"
    rb"|\bsips?:[^\s;>,?:/\"@]{254,}+(?!@)"
    rb"|\bSIP\s*/\s*2\.0\s*/\s*\w+\s+[^\s;,:]{254}"
    rb"|^c=\s*IN\s+IP[46]\s+[^\s/]{254}",
    re.IGNORECASE | re.MULTILINE,
)
# `*` may stand in a REGISTER, which we take from nobody (RFC 3261 §10.2.2); pjsip takes it for an
# address, and there is none.
_CONTACT_STAR = re.compile(
    rb"^(?:Contact|m)[ \t]*+:\s*+(?:[^\r\n]*,\s*+)?\*", re.IGNORECASE | re.MULTILINE
)
_WORDS_AFTER = 1000


class _Dropped:
    """Tells of messages that are kept from pjsip."""

    def __init__(self) -> None:
        self._count = 0

    def tell(self, packet: Packet, why: str) -> None:
        """Log it, but not each time: whoever sends one will send many."""
        if self._count % _WORDS_AFTER == 0:
            _log.warning(
                "Dropped a %s from %s: %s (%d such messages before)",
                packet.method,
                packet.source,
                why,
                self._count,
            )
        self._count += 1


class PoisonFilter:
    """Drops what nobody sends who means no harm."""

    def __init__(self) -> None:
        self._dropped = _Dropped()

    def take(self, packet: Packet) -> bool:
        """Drop a message that is one of them."""
        if packet.source is None:  # another build than those we know
            return False
        why = what_is_wrong(packet.message)
        if why is None and packet.method == "ACK" and not IS_OURS and not packet.names_dialog:
            # Taken for an INVITE that comes by two ways (RFC 3261 §8.2.2.2), it would be answered,
            # which is an assertion (`pjsip_endpt_create_response`); pjsip 2.17 leaves it alone.
            why = "an ACK without a tag in To"
        if why is None:
            return False
        self._dropped.tell(packet, why)
        return True


class BadOffers:
    """Refuses media that have no address.

    pjsip demands an address only of media that are not switched off by port 0 (`validate2` in
    sdp.c), then looks for it all the same: `sort_media` reads by a null pointer, and where that
    goes well `create_answer` has an assertion. It acts on offers in requests only.
    """

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._dropped = _Dropped()

    def take(self, packet: Packet) -> bool:
        """Answer such an offer with 488; an ACK gets none."""
        if packet.source is None or not sdp.lacks_address(packet.message):
            return False
        self._dropped.tell(packet, "its SDP has media without an address (c=), nor one for all")
        if packet.method != "ACK":
            self._pjsip.respond(packet.rdata, _NOT_ACCEPTABLE_HERE)
        return True


def what_is_wrong(message: bytes) -> str | None:
    """Return what pjsip would not survive in a message, or None."""
    if _LONG_HOST.search(message):
        return "the name of a host is longer than 253 characters"
    if _CONTACT_STAR.search(message.partition(b"\r\n\r\n")[0]):
        return "its Contact is *"
    return None
