"""Ports for the servers under test."""

from __future__ import annotations

import random
import socket

# Below those that Linux gives to clients and to `free_port`.
LASTING_PORTS = range(10_000, 20_000)


def free_port() -> int:
    """Return a port that nobody uses now, neither by UDP nor by TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def lasting_port() -> int:
    """Return a port for a server that goes and comes back to it: no client gets it meanwhile."""
    while True:
        port = random.choice(LASTING_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def family_of(host: str) -> socket.AddressFamily:
    """Return the family of an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def in_uri(host: str) -> str:
    """Return an address as URIs have it: that of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
