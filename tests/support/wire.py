"""What goes over a wire between network namespaces, or within one, packet by packet."""

from __future__ import annotations

import audioop
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.netns import Namespace

_ETH_P_IP = 0x0800
TCP, UDP = 6, 17
_UDP_HEADER, _RTP_HEADER = 8, 12


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet by IPv4, of UDP or TCP."""

    protocol: int
    is_fragment: bool
    ports: tuple[int, int]  # from and to; of no meaning in a fragment that is not the first one
    payload: bytes  # of UDP or TCP; of a fragment that is not the first one, of IP


class Wire:
    """Keeps the packets of UDP and TCP that come in at an interface, for the length of a block."""

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
                if kind != socket.PACKET_OUTGOING and data[9] in {TCP, UDP}:
                    self.packets.append(_packet(data))


def pcmu(packets: Iterable[Packet]) -> list[int]:
    """Return what one hears in these packets of RTP who takes them for PCMU (RFC 3551 §4.5.14)."""
    codes = b"".join(
        packet.payload[_RTP_HEADER:]
        for packet in packets
        if packet.payload[:2] in {b"\x80\x00", b"\x80\x80"}  # payload type 0, with marker or not
    )
    return list(memoryview(audioop.ulaw2lin(codes, 2)).cast("h"))


def _packet(data: bytes) -> Packet:
    """Read an IPv4 packet (RFC 791 §3.1)."""
    length, fragment = int.from_bytes(data[2:4], "big"), int.from_bytes(data[6:8], "big")
    start = 4 * (data[0] & 0xF)
    is_first = not fragment & 0x1FFF
    header = _UDP_HEADER if data[9] == UDP else 4 * (data[start + 12] >> 4)  # RFC 9293 §3.1
    return Packet(
        protocol=data[9],
        is_fragment=bool(fragment & 0x3FFF),
        ports=struct.unpack_from("!HH", data, start),
        payload=data[start + header * is_first : length],
    )
