"""Starting, and doing nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support.phone import Phone
from support.process import proportional_mib, resident_mib, share_of_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.bare import BareProgram
    from bench.table import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

IDLE_S = 60.0
QUICK_IDLE_S = 10.0
SETTLED_AFTER_S = 2.0
STARTS = 12
ASK_EVERY_S = 0.002


def start(shop: Workshop) -> Iterator[Figure]:
    """From the start of the process to the first answer to OPTIONS."""
    starts = shop.few_or(STARTS)
    yield shop.figure("start to the answer to OPTIONS", "ms", _starts(starts, shop.gateway))
    yield shop.figure("  the same of bare pjsua2", "ms", _starts(starts, shop.bare))


def _starts(count: int, subject: Callable[[], GatewayProcess | BareProgram]) -> list[float]:
    took_ms = []
    with Phone("pinger") as phone:
        for _ in range(count):
            began = time.monotonic()
            process = subject()
            while True:  # a request before the socket is there gets lost
                try:
                    phone.ping(process.address, ASK_EVERY_S)
                except AssertionError:
                    continue
                break
            took_ms.append(1000 * (time.monotonic() - began))
            with process:
                pass
    return took_ms


def idle(shop: Workshop) -> Iterator[Figure]:
    """One account, no calls."""
    seconds = QUICK_IDLE_S if shop.is_quick else IDLE_S
    for names, subject in (
        (("memory, idle (RSS)", "memory, idle (PSS)", "idle processor, of one core"), shop.gateway),
        ((*["  RSS of bare pjsua2", "  PSS of bare pjsua2", "  bare pjsua2, idle"],), shop.bare),
    ):
        with subject() as process:
            time.sleep(SETTLED_AFTER_S)
            yield shop.figure(names[0], "MiB", [resident_mib(process.pid)])
            yield shop.figure(names[1], "MiB", [proportional_mib(process.pid)])
            yield shop.figure(names[2], "%", [share_of_core(process.pid, seconds)])
