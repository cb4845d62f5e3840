"""Keeps names out of where a session description has addresses (RFC 8866 §5.7).

pjsip would ask the system's resolver for them, at once, on the thread that does all of SIP or on
our loop: with a name server that is silent, one INVITE holds up all calls for seconds. Nobody sends
names there, but for browsers that hide their address behind one (RFC 8828), which no name server
knows.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from hasip.sip.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

NOT_ACCEPTABLE_HERE = 488
# What pjsip takes for the beginning of such lines, and the whole line.
_LINE = re.compile(
    rb"[\r\n](?:(c)=[^ \r\n]* [^ \r\n]* ([^/ \t\r\n]*)"
    rb"|a=(?i:(rtcp|candidate))(?![-\w]):?([^\r\n]*))"
)
# RFC 3605 §2.1; in any other form it may be a name for pjsip.
_RTCP = re.compile(rb" *\d{1,5} *(?:IN +IP[46] +([^/ \t]+) *)?")
_HOST_OF_CANDIDATE = 4  # RFC 8839 §5.1: the fifth word


class MediaNames:
    """Refuses offers with a name in `c=`, and takes away what else has one."""

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._refused = Tally("Refused")
        self._changed = Tally("Took the names out of")

    def take(self, packet: Packet) -> bool:
        """Answer, or change the message where pjsip keeps it and let it go on."""
        if packet.source is None:
            return False
        changes = list(changes_for(packet.message))
        if not changes:
            return False
        needs_it = any(is_needed for _, _, is_needed in changes)
        if needs_it and packet.status is None and packet.method != "ACK":
            self._refused.tell(packet, "its SDP has a name where an address must be (c=)")
            self._pjsip.respond(packet.rdata, NOT_ACCEPTABLE_HERE)
            return True
        for at, text, _ in changes:
            packet.overwrite(at, text)
        self._changed.tell(packet, "its SDP has names where addresses must be")
        return False


def changes_for(message: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yield what to write over names, and where, and whether it is an address that is needed.

    `c=` gets 0.0.0.0, which is nobody's; an attribute gets another name, by which none knows it.
    """
    for line in _LINE.finditer(message):
        if line[1]:
            if line[2] and not _is_address(line[2]):
                yield line.start(2), b"0".ljust(len(line[2])), True
        elif not _has_address(line[3].lower(), line[4]):
            yield line.start(3), b"x", False


def _has_address(attribute: bytes, value: bytes) -> bool:
    if attribute == b"rtcp":
        read = _RTCP.fullmatch(value)
        return read is not None and (read[1] is None or _is_address(read[1]))
    words = [word for word in value.split(b" ", 12) if word]
    return len(words) > _HOST_OF_CANDIDATE and _is_address(words[_HOST_OF_CANDIDATE])


def _is_address(host: bytes) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if b":" in host else socket.AF_INET, host.decode("ascii"))
    except (OSError, ValueError):
        return False
    return True
