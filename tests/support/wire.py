"""What comes in over a wire between network namespaces, or within one, packet by packet."""

from __future__ import annotations

import audioop
from typing import TYPE_CHECKING

from support.capture import Capture, Packet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.netns import Namespace

_RTP_HEADER = 12


class Wire(Capture):
    """Keeps the packets of UDP and TCP that come in at an interface, for the length of a block."""

    def __init__(self, machine: Namespace, interface: str) -> None:
        self.packets: list[Packet] = []
        super().__init__(machine, self.packets.append, interface)


def pcmu(packets: Iterable[Packet]) -> list[int]:
    """Return what one hears in these packets of RTP who takes them for PCMU (RFC 3551 §4.5.14)."""
    codes = b"".join(
        packet.payload[_RTP_HEADER:]
        for packet in packets
        if packet.payload[:2] in {b"\x80\x00", b"\x80\x80"}  # payload type 0, with marker or not
    )
    return list(memoryview(audioop.ulaw2lin(codes, 2)).cast("h"))
