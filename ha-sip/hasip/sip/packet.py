"""Where pjsip keeps a received message, as it came: `struct pjsip_rx_data` (sip_transport.h)."""

from __future__ import annotations

import ctypes
import ipaddress

from hasip.sip.build import IS_OURS

TRANSPORT_AT = 8  # `tp_info.transport`
# Where the packet is, how much room it has (PJSIP_MAX_PKT_LEN), and what follows it.
_PACKET_AT = 320
_PACKET_ROOM = 16_000 if IS_OURS else 4_000
_NAME_AT = _PACKET_AT + _PACKET_ROOM + 48
_NAME_LENGTH = 46
MESSAGE_AT = _NAME_AT + 56  # `msg_info`


def message_at(rdata: int) -> int:
    """Return where the parsed message is, of what `read_packet` can read."""
    return ctypes.c_void_p.from_address(rdata + MESSAGE_AT + 16).value or 0


def read_packet(rdata: int) -> tuple[str, bytes] | None:
    """Return the sender's address and the message; None in a build that we do not know."""
    start = ctypes.c_void_p.from_address(rdata + MESSAGE_AT).value or 0
    length = ctypes.c_int.from_address(rdata + MESSAGE_AT + 8).value
    packet = rdata + _PACKET_AT
    if not (packet <= start and length > 0 and start + length <= packet + _PACKET_ROOM):
        return None
    name = ctypes.string_at(rdata + _NAME_AT, _NAME_LENGTH).partition(b"\0")[0]
    try:
        source = str(ipaddress.ip_address(name.decode("ascii").partition("%")[0]))
    except ValueError:
        return None
    return source, ctypes.string_at(start, length)
