"""Ports for the servers under test."""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path

from support.lane import own_lane

# Below those that Linux gives to clients, and to whoever binds to port 0: what was found free is
# still free when the server comes to it, and when it comes back to it.
_PORTS = range(10_000, 20_000)
_TABLES = ("tcp", "tcp6", "udp", "udp6")  # proc_pid_net(5)
_RTP_PORTS = range(20_000, 32_000)  # below them, too
_BARESIP_RTP = range(16_400, 16_500)
_chance = random.Random()
_given: set[int] = set(_BARESIP_RTP)
_one_at_a_time = threading.Lock()
_lane = own_lane()
_ours = _PORTS if _lane is None else _lane.part_of(_PORTS)


def free_port() -> int:
    """Return a port that nobody uses now, neither by UDP nor by TCP, and that nobody will be given.

    Each is given once, so that a server may go and come back to its port.
    """
    with _one_at_a_time:
        taken = _given | _in_use()
        while (port := _chance.choice(_ours)) in taken:
            pass
        _given.add(port)
        return port


def _in_use() -> set[int]:
    """Return the ports that somebody has on this thread's network.

    To bind to one and see would keep it from others: from a server that begins, or, where a process
    is forked meanwhile, for as long as that one lives.
    """
    tables = [Path("/proc/thread-self/net") / name for name in _TABLES]
    rows = [row for table in tables if table.exists() for row in table.read_text().splitlines()[1:]]
    return {int(row.split()[1].rpartition(":")[2], 16) for row in rows}


def rtp_port(port: int) -> int:
    """Return where the RTP ports of a gateway begin that has this port for SIP."""
    return _RTP_PORTS[port % len(_RTP_PORTS)]


def family_of(host: str) -> socket.AddressFamily:
    """Return the family of an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def in_uri(host: str) -> str:
    """Return an address as URIs have it: that of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
