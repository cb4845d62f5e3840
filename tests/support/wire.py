"""What goes over a wire between network namespaces, packet by packet."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from support.netns import Namespace

_ETH_P_IP = 0x0800
_UDP = 17
_UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of UDP, by IPv4."""

    is_fragment: bool
    payload: bytes  # of UDP; of a fragment that is not the first one, of IP


class Wire:
    """Keeps the packets of UDP that come in at an interface."""

    def __init__(self, machine: Namespace, interface: str) -> None:
        self.packets: list[Packet] = []
        with machine.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP)
            )
        self._socket.bind((interface, _ETH_P_IP))
        self._socket.settimeout(0.1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="wire", daemon=True)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._is_over.set()
        self._thread.join(2)
        self._socket.close()

    def _read(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                data, (_, _, kind, *_) = self._socket.recvfrom(65_536)
                if kind != socket.PACKET_OUTGOING and data[9] == _UDP:
                    self.packets.append(_packet(data))


def _packet(data: bytes) -> Packet:
    """Read an IPv4 packet (RFC 791 §3.1)."""
    length, fragment = int.from_bytes(data[2:4], "big"), int.from_bytes(data[6:8], "big")
    start = 4 * (data[0] & 0xF)
    is_first = not fragment & 0x1FFF
    return Packet(
        is_fragment=bool(fragment & 0x3FFF),
        payload=data[start + _UDP_HEADER * is_first : length],
    )
