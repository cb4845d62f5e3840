"""A bad line between two network namespaces: loss and jitter, in order, as on one way.

Run as a process of its own (`python -m support.lossy_link`), so that a busy test adds no delay. It
joins the namespaces by a TUN device each, called `bad0`.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.netns import Namespace

DEVICE = "bad0"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000


@contextlib.contextmanager
def lossy_link(
    one: tuple[Namespace, str], other: tuple[Namespace, str], *, loss: float, jitter_ms: int
) -> Iterator[None]:
    """Join two machines, each with its address (`10.1.2.3/24`), for the length of a block."""
    (here, address), (there, peer) = one, other
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "support.lossy_link", here.name, address, there.name, peer),
            *("--loss", str(loss), "--jitter-ms", str(jitter_ms), "--seed", "4733"),
        ],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _open(namespace: str, address: str) -> int:
    """Return the TUN device of a namespace, with its address."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    assert libc.setns(there, _CLONE_NEWNET) == 0
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    subprocess.run(["ip", "address", "add", address, "dev", DEVICE], check=True)
    subprocess.run(["ip", "link", "set", DEVICE, "up"], check=True)
    assert libc.setns(home, _CLONE_NEWNET) == 0
    os.close(home)
    os.close(there)
    return device


def _run(devices: list[int], loss: float, jitter_s: float, chance: random.Random) -> None:
    """Pass packets on for ever."""
    selector = selectors.DefaultSelector()
    for device, other in (devices, devices[::-1]):
        selector.register(device, selectors.EVENT_READ, other)
    waiting: list[tuple[float, int, int, bytes]] = []
    last_due = dict.fromkeys(devices, 0.0)
    count = 0
    while True:
        wait_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for key, _ in selector.select(wait_s):
            with contextlib.suppress(BlockingIOError):
                while packet := os.read(key.fd, 65_535):
                    if chance.random() < loss:
                        continue
                    due = time.monotonic() + chance.uniform(0, jitter_s)
                    due = last_due[key.data] = max(due, last_due[key.data])
                    count += 1
                    heapq.heappush(waiting, (due, count, key.data, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(waiting)
            with contextlib.suppress(OSError):
                os.write(device, packet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("one", "address", "other", "peer"):
        parser.add_argument(name)
    parser.add_argument("--loss", type=float)
    parser.add_argument("--jitter-ms", type=float)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    ends = [_open(given.one, given.address), _open(given.other, given.peer)]
    print("ready", flush=True)
    _run(ends, given.loss, given.jitter_ms / 1000, random.Random(given.seed))
