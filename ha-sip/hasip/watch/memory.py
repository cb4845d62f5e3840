"""Gives memory back that is free: what malloc keeps after a busy hour is the system's to use.

pjsip keeps each transaction for 32 s (RFC 3261 §17), so a rush of calls takes tens of MiB at once.
They are freed one by one, between others that live on, and then malloc keeps whole arenas of free
pages: of 130 MiB after 2,000 calls, 110. Only `malloc_trim` gives those back. It takes about 10 ms,
in which other threads may wait for malloc, so it runs only where there is something to be had.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
# By so much memory that nobody uses has to grow before it is given back.
WORTH_BYTES = 3 * 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Memory(Protocol):
    """What is asked of the system's allocator."""

    def unused_bytes(self) -> int:
        """Return what is in RAM, but not in use by anything that was allocated."""
        ...

    def give_back(self) -> None:
        """Return free pages to the system."""
        ...


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


class Glibc:
    """The allocator of glibc 2.33 or later; raises `AttributeError` where there is another one."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        self._info, self._trim = libc.mallinfo2, libc.malloc_trim
        self._info.restype = _Mallinfo
        self._trim.argtypes = (ctypes.c_size_t,)

    def unused_bytes(self) -> int:
        """Return what is in RAM, less what is allocated.

        What malloc calls free is no measure: it counts as free what was given back, too.
        """
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - asked for often
            resident = int(file.read().split()[1]) * _PAGE_BYTES
        info = self._info()
        return resident - int(info.uordblks) - int(info.hblkhd)

    def give_back(self) -> None:
        """Return free pages to the system; this thread waits, and others go on."""
        self._trim(0)


class Tidier:
    """Looks now and then whether there is memory to be given back."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._least = memory.unused_bytes()  # so much can't be given back, as far as we know

    def look(self) -> bool:
        """Give memory back where that is worth it; tells whether it was."""
        unused = self._memory.unused_bytes()
        self._least = min(self._least, unused)
        if unused - self._least < WORTH_BYTES:
            return False
        self._memory.give_back()
        self._least = self._memory.unused_bytes()
        return True


def start_tidying(wait: Callable[[float], None] = time.sleep) -> None:
    """Begin, on a thread of its own; without glibc nothing is done."""
    try:
        tidier = Tidier(Glibc())
    except (AttributeError, OSError):
        return

    def run() -> None:
        while True:
            wait(LOOK_EVERY_S)
            try:
                tidier.look()
            except OSError as error:  # no descriptors, for example; it may be over the next time
                _log.debug("Memory can't be looked at: %s", error)

    threading.Thread(target=run, name="memory", daemon=True).start()
