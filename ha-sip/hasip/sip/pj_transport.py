"""A connection as pjsip has it: `struct pjsip_transport` (sip_transport.h)."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
from typing import TYPE_CHECKING

from hasip.sip.c_library import c_library

if TYPE_CHECKING:
    import pjsua2 as pj

# Its name, and `key.rem_addr`, a `sockaddr`.
_NAME_ROOM = 32
_ADDRESS_AT = 88
_V4_AT, _V6_AT = 4, 8


def incoming_connection(prm: pj.OnTransportStateParam) -> tuple[int, str, bool] | None:
    """Return transport, source, and whether it is TLS, of what others connected; else None."""
    transport = int(prm.hnd)
    name = ctypes.string_at(transport, _NAME_ROOM)
    if not name.startswith((b"tcps", b"tlss")):  # "server"; ours are tcpc and tlsc
        return None
    is_tls = name.startswith(b"tls")
    address = transport + _ADDRESS_AT
    family = int.from_bytes(ctypes.string_at(address, 2), "little")
    source = "an unknown address"
    if family == socket.AF_INET:
        source = str(ipaddress.IPv4Address(ctypes.string_at(address + _V4_AT, 4)))
    elif family == socket.AF_INET6:
        source = str(ipaddress.IPv6Address(ctypes.string_at(address + _V6_AT, 16)))
    return transport, source, is_tls


def close_connection(transport: int) -> None:
    """Have pjsip close a connection as soon as nobody uses it; on a thread of pjsip's.

    Not by force: pjsip would tell pjsua with locks held that the loop takes in the other order
    where it sends by TCP at the same time, and both would wait for ever.
    """
    c_library().pjsip_transport_shutdown(ctypes.c_void_p(transport))
