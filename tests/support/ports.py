"""Ports for the servers under test."""

from __future__ import annotations

import random
import socket
import threading

# Below those that Linux gives to clients, and to whoever binds to port 0: what was found free is
# still free when the server comes to it, and when it comes back to it.
_PORTS = range(10_000, 20_000)
_RTP_PORTS = range(20_000, 32_000)  # below them, too
_BARESIP_RTP = range(16_400, 16_500)
_chance = random.Random()
_given: set[int] = set(_BARESIP_RTP)
_one_at_a_time = threading.Lock()  # else one thread's look is in the way of another's server


def free_port() -> int:
    """Return a port that nobody uses now, neither by UDP nor by TCP, and that nobody will be given.

    Each is given once, so that a server may go and come back to its port.
    """
    with _one_at_a_time:
        while True:
            port = _chance.choice(_PORTS)
            if port not in _given and _is_free(port):
                _given.add(port)
                return port


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        try:
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def rtp_port(port: int) -> int:
    """Return where the RTP ports of a gateway begin that has this port for SIP."""
    return _RTP_PORTS[port % len(_RTP_PORTS)]


def family_of(host: str) -> socket.AddressFamily:
    """Return the family of an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def in_uri(host: str) -> str:
    """Return an address as URIs have it: that of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
