"""Packets as they go over the wires of a machine in a test's network."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.listener import Listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.netns import Namespace

TCP, UDP = 6, 17
_UDP_HEADER = 8
_ETH_P_ALL, _ETH_P_IP = 0x0003, 0x0800  # the latter sees what comes in only


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet by IPv4, of UDP or TCP; a fragment that is not the first one has no ports."""

    hosts: tuple[str, str]  # from and to
    ports: tuple[int, int]
    protocol: int
    is_fragment: bool
    payload: bytes  # of UDP or TCP; of a fragment that is not the first one, of IP


class Capture(Listening):
    """Gives each packet of UDP and TCP by IPv4 to `take`, for the length of a block.

    Those that come in at an interface; if none is named, those that come and go at all of them.
    What stays on the machine comes and goes.
    """

    def __init__(
        self, machine: Namespace, take: Callable[[Packet], object], interface: str | None = None
    ) -> None:
        self._take = take
        kind = _ETH_P_ALL if interface is None else _ETH_P_IP
        with machine.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
        if interface is not None:
            wire.bind((interface, kind))
        super().__init__(wire, self._read, "capture")

    def _read(self, data: bytes, source: tuple[Any, ...]) -> None:
        if source[1] == _ETH_P_IP and data[9] in {TCP, UDP}:
            self._take(ipv4(data))


def ipv4(data: bytes) -> Packet:
    """Read a packet (RFC 791 §3.1)."""
    length, fragment = int.from_bytes(data[2:4], "big"), int.from_bytes(data[6:8], "big")
    start, protocol, ports = 4 * (data[0] & 0xF), data[9], (0, 0)
    content = data[start:length]
    if not fragment & 0x1FFF:
        ports = struct.unpack_from("!HH", content)
        content = content[_UDP_HEADER if protocol == UDP else 4 * (content[12] >> 4) :]  # RFC 9293
    return Packet(
        hosts=(socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])),
        ports=ports,
        protocol=protocol,
        is_fragment=bool(fragment & 0x3FFF),
        payload=content,
    )
