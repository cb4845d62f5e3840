"""Sees which addresses RTP goes between on a machine of a test's network."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from support.capture import UDP, Capture, Packet

if TYPE_CHECKING:
    from support.netns import Namespace

_VERSION_2 = 0x80
_RTCP = range(72, 77)  # as payload types (RFC 5761 §4)
Way = tuple[str, int, str, int]  # from an address and port to an address and port


class RtpWatch(Capture):
    """Counts the RTP packets of every way on all interfaces, for the length of a block.

    STUN, and what is wrapped for a TURN server, are told apart by their first bits (RFC 7983 §7).
    What stays on the machine is counted twice.
    """

    def __init__(self, machine: Namespace) -> None:
        self.packets: collections.Counter[Way] = collections.Counter()
        super().__init__(machine, self._count)

    def ways(self, least: int) -> set[Way]:
        """Return the ways that so many packets went."""
        return {way for way, count in list(self.packets.items()) if count >= least}

    def _count(self, packet: Packet) -> None:
        if packet.protocol == UDP and not packet.is_fragment and _is_rtp(packet.payload):
            (source, target), (source_port, target_port) = packet.hosts, packet.ports
            self.packets[source, source_port, target, target_port] += 1


def _is_rtp(data: bytes) -> bool:
    return len(data) >= 12 and data[0] & 0xC0 == _VERSION_2 and data[1] & 0x7F not in _RTCP
