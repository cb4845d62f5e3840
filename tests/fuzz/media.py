"""RTP, RTCP, telephone-events and STUN at the port of a call that is up."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from fuzz.mutation import perhaps
from fuzz.sip_text import SDP
from fuzz.surface import Pieces, Surface
from fuzz.wire import Dialog, Wire

if TYPE_CHECKING:
    import contextlib
    import random

    from support.gateway import GatewayProcess

_INPUTS_OF_A_CALL = 2000
_EVENTS, _ULAW = 101, 0
_RTCP_TYPES = (200, 201, 202, 203, 204, 205, 206, 207, 192, 255)
_STUN_COOKIE = 0x2112A442


class Media(Surface):
    """Packets to the ports of RTP and RTCP."""

    name = "media"
    _dialog: Dialog | None = None
    _left = 0
    _port = 9

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire, self.rtp = Wire(), Wire()
        stack.callback(self.wire.close)
        stack.callback(self.rtp.close)
        return {}

    def make(self, rng: random.Random) -> Pieces:
        kind = rng.randrange(4)
        if kind == 0:
            return b"rtcp", perhaps(rng, _rtcp(rng), 0.4)
        if kind == 1 and rng.random() < 0.3:
            return b"rtp", perhaps(rng, _stun(rng), 0.5)
        payload_type = rng.choice((_EVENTS, _EVENTS, _ULAW, rng.randrange(256)))
        head = struct.pack(
            "!BBHII",
            rng.choice((0x80, 0x80, 0x80, 0x90, 0xA0, 0x8F, 0xBF, rng.randrange(256))),
            payload_type,
            rng.choice((rng.randrange(0x10000), 1, 2, 0xFFFF)),
            rng.choice((rng.randrange(2**32), 0, 2**32 - 1)),
            rng.choice((1, 1, 1, rng.randrange(2**32))),
        )
        if payload_type == _EVENTS and rng.random() < 0.7:
            payload = struct.pack(
                "!BBH", rng.randrange(256), rng.choice((0x0A, 0x8A, 0xFF)), rng.randrange(0x10000)
            )
        else:
            payload = rng.randbytes(rng.choice((0, 1, 3, 4, 5, 160, 161, 1400, 1600, 9000)))
        return b"rtp", perhaps(rng, head + payload, 0.2)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        if self._left <= 0:
            self.rest(gateway)
        if self._dialog is None:
            sdp = SDP.replace(b"40000", str(self.rtp.port).encode())
            self._dialog = self.wire.call(gateway.address, sdp)
            self._left = _INPUTS_OF_A_CALL
            found = re.search(r"m=audio (\d+)", self._dialog.sdp if self._dialog else "")
            self._port = int(found[1]) if found else 9
        self._left -= 1
        to = self._port + (pieces[0] == b"rtcp")
        self.rtp.send(pieces[1], ("127.0.0.1", to))
        if self._left % 20 == 0:
            self.rtp.drain()
            self.wire.drain()

    def rest(self, gateway: GatewayProcess) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            self.wire.request(dialog, "BYE", gateway.address)
            self.wire.drain()


def _rtcp(rng: random.Random) -> bytes:
    """Return a compound packet, with counts and lengths that may be wrong."""
    packets = []
    for _ in range(rng.choice((1, 1, 2, 3, 40))):
        kind, body = rng.choice(_RTCP_TYPES), rng.randbytes(4 * rng.choice((0, 1, 5, 6, 12, 60)))
        if kind == 207:  # extended report: blocks with lengths of their own (RFC 3611)
            body = rng.randbytes(4) + bytes((rng.randrange(9), 0)) + rng.randbytes(2) + body
        elif kind == 202:  # source description: items that claim to be longer
            body = rng.randbytes(4) + bytes((rng.randrange(9), rng.randrange(256))) + body
        count = rng.choice((0, 1, 2, 31))
        words = rng.choice((len(body) // 4, len(body) // 4, 0, 1, 0xFFFF))
        packets.append(struct.pack("!BBH", 0x80 | count, kind, words) + body)
    return b"".join(packets)


def _stun(rng: random.Random) -> bytes:
    """Return a message of STUN (RFC 8489) with attributes of any length."""
    attributes = b""
    for _ in range(rng.randrange(6)):
        value = rng.randbytes(rng.choice((0, 4, 8, 20, 21)))
        length = rng.choice((len(value), len(value), 0, 0xFFFF))
        kind = rng.choice((0x0006, 0x0008, 0x0009, 0x0020, 0x0024, 0x0025, 0x802A, 0x8028))
        attributes += struct.pack("!HH", kind, length) + value
    length = rng.choice((len(attributes), 0, 0xFFFC))
    kind = rng.choice((0x0001, 0x0101, 0x0111, 0x0003, 0x0017))
    return struct.pack("!HHI", kind, length, _STUN_COOKIE) + rng.randbytes(12) + attributes
