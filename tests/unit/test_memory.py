"""Memory that is free is given back, and only where that is worth it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

from hasip.watch.memory import WORTH_BYTES, Glibc, Tidier
from support.gateway import PACKAGE_DIR

MIB = 1024 * 1024
# Fills malloc with blocks, frees all but one in fifty, and looks what becomes of it.
FRAGMENTED = """
import ctypes
from hasip.watch.memory import Glibc, Tidier
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
memory = Glibc()
tidier = Tidier(memory)
before = memory.unused_bytes()
blocks = [libc.malloc(4_000) for _ in range(20_000)]
for block in blocks:
    ctypes.memset(block, 1, 4_000)
for number, block in enumerate(blocks):
    if number % 50:
        libc.free(block)
kept = memory.unused_bytes() - before
assert tidier.look()
print(kept, memory.unused_bytes() - before)
assert not tidier.look()
"""


class Scripted:
    """Has as much unused memory as the test says; so much of it can be given back."""

    def __init__(self, unused: int) -> None:
        self.unused = unused
        self.returns = 0
        self.asked = 0

    def unused_bytes(self) -> int:
        return self.unused

    def give_back(self) -> None:
        self.asked += 1
        self.unused -= self.returns


def test_memory_is_given_back_when_enough_is_unused_and_not_again_for_what_can_not_be() -> None:
    memory = Scripted(50 * MIB)
    tidier = Tidier(memory)
    memory.unused += WORTH_BYTES - 1
    assert not tidier.look()
    memory.unused += 30 * MIB
    memory.returns = 10 * MIB
    assert tidier.look()
    assert not tidier.look()
    # What is unused sinks by itself where it is used again; from then on, that is the least.
    memory.unused -= 20 * MIB
    assert not tidier.look()
    memory.unused += WORTH_BYTES
    assert tidier.look()
    assert memory.asked == 2


def test_what_malloc_keeps_between_blocks_in_use_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRAGMENTED],
        env={"PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    kept, left = map(int, done.stdout.split())

    assert kept > 50 * MIB
    assert left < kept / 2


def test_this_system_says_what_is_unused() -> None:
    assert isinstance(Glibc().unused_bytes(), int)
    assert ctypes.sizeof(ctypes.c_size_t) == 8
