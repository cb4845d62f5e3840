"""Faults that nobody has made yet: of each call something stays, or an event is lost.

They show that the soak notices them.
"""

from __future__ import annotations

import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# In 60 calls as much as 20 KiB of each are in the 240 of the suite.
LEAK_BYTES = 80 * 1024
FAILS_AT = 40  # the call after the warm-up whose event is lost, or comes twice
_kept: list[Any] = []


def _memory(_: Any) -> None:
    _kept.append(bytes(LEAK_BYTES))


def _objects(_: Any) -> None:
    _kept.append([f"{number:64}" for number in range(LEAK_BYTES // 128)])


def _pool(_: Any) -> None:
    from hasip.sip.c_library import c_library  # noqa: PLC0415 - it was loaded meanwhile

    c_library().pjsua_pool_create(b"planted", 4_000, 4_000)


def _descriptor(_: Any) -> None:
    os.open(os.devnull, os.O_RDONLY)


def _thread(_: Any) -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def _file(_: Any) -> None:
    os.close(tempfile.mkstemp(prefix="planted-")[0])


def _timer(gateway: Any) -> None:
    gateway._loop.call_later(3_600, lambda: None)


_AT_EACH_END: dict[str, Callable[[Any], None]] = {
    "memory": _memory,
    "objects": _objects,
    "pool": _pool,
    "descriptor": _descriptor,
    "thread": _thread,
    "file": _file,
    "timer": _timer,
}
_OF_EVENTS = {"lost": 0, "twice": 2}  # how often one of them is told


def plant(gateway: Any, names: Sequence[str]) -> None:
    """Have all these go wrong."""
    registry, webhooks = gateway._registry, gateway._webhooks
    remove, enqueue = registry.remove, webhooks.enqueue
    leaks = [_AT_EACH_END[name] for name in names if name in _AT_EACH_END]
    times = {FAILS_AT + 5 * at: _OF_EVENTS[n] for at, n in enumerate(names) if n in _OF_EVENTS}
    ends = 0

    def leak(session: Any) -> None:
        remove(session)
        for one in leaks:
            one(gateway)

    def tell(webhook_id: str | None, body: Any) -> None:
        nonlocal ends
        is_end = body.get("event") == "call_disconnected"
        ends += is_end
        for _ in range(times.get(ends, 1) if is_end else 1):
            enqueue(webhook_id, body)

    registry.remove, webhooks.enqueue = leak, tell
