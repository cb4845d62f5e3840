"""Messages that pjsip does not survive, kept from it before anything of it acts on them.

Fuzzing found them (`./build.sh fuzz`). pjsip has parsed a message when it asks this module, but has
not looked at what the parts mean. Most are dropped. What a phone may send that means no harm is
answered, after the `Doorman`, so that strangers learn nothing by it.
"""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING

from hasip.sip import sdp
from hasip.sip.build import IS_OURS
from hasip.sip.media_names import NOT_ACCEPTABLE_HERE
from hasip.sip.tally import Tally

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

# These read what strangers send, and hold up all threads meanwhile: a time that grows with the
# square of the length lets a few packets stop us. Hence `*+`, which gives nothing back.
# pjsip asserts that no host is longer than names may be (RFC 1035 §2.3.4, PJ_MAX_HOSTNAME).
_LONG_HOST = re.compile(
    rb"@[^\s;>,?:/\"@]{254}"
    rb"|\bsips?:[^\s;>,?:/\"@]{254,}+(?!@)"
    rb"|\bSIP\s*/\s*2\.0\s*/\s*[^\s/]+\s+[^\s;,:]{254}"
    rb"|[\r\n]c=\s*IN\s+IP[46]\s+[^\s/]{254}",
    re.IGNORECASE,
)
_H_CONTACT = 9  # pjsip_hdr_e
_STAR_AT = 64  # in `pjsip_contact_hdr`
# A registrar names all phones of its user; each that is looked at takes time from all threads.
MOST_CONTACTS = 100


# pjsua writes it into 256 bytes (`pjsua_im_process_pager`), and reads on behind them.
LONGEST_MEDIA_TYPE = 250
_FIRST_LINE = re.compile(rb"(?>\r\n|[\r\n]){2}[\r\n]*([^\r\n\0]*)([^\0]{0,2})")


class PoisonFilter:
    """Drops what nobody sends who means no harm."""

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._dropped = Tally("Dropped")

    def take(self, packet: Packet) -> bool:
        """Drop a message that is one of them."""
        if packet.source is None:  # another build than those we know
            return False
        why = what_is_wrong(packet.message) or self._bad_contact(packet)
        why = why or _bad_ack(packet) or _bad_body(packet)
        if why is None:
            return False
        self._dropped.tell(packet, why)
        return True

    def _bad_contact(self, packet: Packet) -> str | None:
        """Say whether a Contact is `*`, as pjsip has read it: it takes one for an address.

        `*` may stand in a REGISTER, which we take from nobody (RFC 3261 §10.2.2). pjsip ends
        headers and folds lines where others don't, so the text does not tell.
        """
        contact: int | None = None
        for _ in range(MOST_CONTACTS):
            contact = self._pjsip.find_type(packet.parsed, _H_CONTACT, contact)
            if contact is None:
                return None
            if ctypes.c_int.from_address(contact + _STAR_AT).value:
                return "its Contact is *"
        return f"it has {MOST_CONTACTS} Contacts or more"


class BadOffers:
    """Refuses offers of media that have no address.

    pjsip demands an address only of media that are not switched off by port 0 (`validate2` in
    sdp.c), then looks for it all the same: `sort_media` reads by a null pointer, and where that
    goes well `create_answer` has an assertion. It acts on offers in requests only.
    """

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._refused = Tally("Refused")

    def take(self, packet: Packet) -> bool:
        """Answer such an offer with 488; an ACK gets none."""
        if packet.source is None or not sdp.lacks_address(packet.message):
            return False
        self._refused.tell(packet, "its SDP has media without an address (c=), nor one for all")
        if packet.method != "ACK":
            self._pjsip.respond(packet.rdata, NOT_ACCEPTABLE_HERE)
        return True


def what_is_wrong(message: bytes) -> str | None:
    """Return what pjsip would not survive in a message's text, or None."""
    if _LONG_HOST.search(message):
        return "the name of a host is longer than 253 characters"
    return None


def _bad_ack(packet: Packet) -> str | None:
    if IS_OURS or packet.method != "ACK" or packet.status is not None or packet.names_dialog:
        return None
    # Taken for an INVITE that comes by two ways (RFC 3261 §8.2.2.2), it would be answered, which
    # is an assertion (`pjsip_endpt_create_response`); pjsip 2.17 leaves it alone.
    return "an ACK without a tag in To"


def _bad_body(packet: Packet) -> str | None:
    if packet.media_type_length > LONGEST_MEDIA_TYPE:
        return f"its Content-Type is longer than {LONGEST_MEDIA_TYPE} characters"
    if not IS_OURS and packet.method == "INFO" and b"Signal" in packet.message:
        # pjsip looks for a duration behind the first line and its end, which must be two characters
        # (an assertion of `pj_strstr`); 2.17 goes on where there are less.
        line = _FIRST_LINE.search(packet.message)
        if line is not None and len(line[2]) < len(b"\r\n"):
            return "its Signal= has no end of line"
    return None
