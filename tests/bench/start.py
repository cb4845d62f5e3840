"""How long a start takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.bare import FOR_HOME_ASSISTANT
from bench.options import OK
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

STARTS = 12
ASK_EVERY_S = 0.002
PATIENCE_S = 60.0
FINE = 0.01  # of the time so far: a busy machine may never answer within 2 ms


def start(shop: Workshop) -> Iterator[Figure]:
    """From the start of the process to the first answer to OPTIONS."""
    count = shop.less(STARTS)
    ours = shop.figure("start to the answer to OPTIONS", "ms", starts(count, shop.gateway))
    yield ours
    yield shop.beside(ours, "the same of bare pjsua2", "ms", starts(count, shop.bare))
    with StandInHomeAssistant() as house:
        took_ms = starts(count, lambda: shop.gateway(house=house))
    ours = shop.figure("start with Home Assistant to the answer to OPTIONS", "ms", took_ms)
    yield ours
    theirs = starts(count, lambda: shop.bare(modules=FOR_HOME_ASSISTANT))
    name = "the same of bare pjsua2 with requests and websockets"
    yield shop.beside(ours, name, "ms", theirs)


def starts(count: int, subject: Callable[[], GatewayProcess | BareProgram]) -> list[float]:
    """Start it so often; returns the milliseconds that each took."""
    took_ms = []
    with Phone("pinger") as phone:
        for _ in range(count):
            began = time.monotonic()
            process = subject()
            while True:  # a request before the socket is there gets lost
                patience_s = max(ASK_EVERY_S, FINE * (time.monotonic() - began))
                try:
                    phone.ping(process.address, patience_s, wants=OK)
                except AssertionError:
                    if time.monotonic() - began < PATIENCE_S:
                        continue
                    process.__exit__()
                    raise
                break
            took_ms.append(1000 * (time.monotonic() - began))
            with process:
                pass
    return took_ms
