"""Sees which addresses RTP goes between on a machine of a test's network."""

from __future__ import annotations

import collections
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from support.netns import Namespace

_ALL_PROTOCOLS, _UDP, _VERSION_2 = 0x0003, 17, 0x80
_RTCP = range(72, 77)  # as payload types (RFC 5761 §4)
Way = tuple[str, int, str, int]  # from an address and port to an address and port


class RtpWatch:
    """Counts the RTP packets of every way on all interfaces, for the length of a block.

    STUN, and what is wrapped for a TURN server, are told apart by their first bits (RFC 7983 §7).
    What stays on the machine is counted twice.
    """

    def __init__(self, machine: Namespace) -> None:
        self.packets: collections.Counter[Way] = collections.Counter()
        with machine.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)
            )
        self._socket.settimeout(0.1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="rtp-watch", daemon=True)

    def __enter__(self) -> Self:
        """Look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look away."""
        self._is_over.set()
        self._thread.join(5)
        self._socket.close()

    def ways(self, least: int) -> set[Way]:
        """Return the ways that so many packets went."""
        return {way for way, count in list(self.packets.items()) if count >= least}

    def _look(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                way = _way(self._socket.recv(2048))
                if way is not None:
                    self.packets[way] += 1


def _way(packet: bytes) -> Way | None:
    """Return the way of an IPv4 packet if RTP is in it."""
    start = (packet[0] & 0x0F) * 4
    data = packet[start + 8 :]
    if packet[0] >> 4 != 4 or packet[9] != _UDP or len(data) < 12:
        return None
    if data[0] & 0xC0 != _VERSION_2 or data[1] & 0x7F in _RTCP:
        return None
    ports = [int.from_bytes(packet[at : at + 2], "big") for at in (start, start + 2)]
    hosts = [socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16)]
    return hosts[0], ports[0], hosts[1], ports[1]
