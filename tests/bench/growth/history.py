"""What is different after many short calls, once all is at rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.churn import AT_ONCE, call_in
from bench.digits import typed
from bench.growth.found import curves, signalling
from support.home_assistant import StandInHomeAssistant
from support.process import descriptors, resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.curve import Curve
    from bench.figure import Figure
    from bench.growth.found import Found
    from bench.workshop import Workshop

# The first few warm up: nothing was loaded or cached before them.
CALLS = (20, 500, 2_000)
# pjsip keeps transactions for 32 s (RFC 3261 §17), and free memory is given back every 20 s.
REST_S, FIRST_REST_S = 54.0, 3.0
DIGITS = 20


def history(shop: Workshop) -> Iterator[Figure | Curve]:
    """Have many short calls, rest, and have more."""
    shop.need_shipped()
    shop.need_room(AT_ONCE)
    found: dict[int, Found] = {}
    so_far = failed = 0
    with StandInHomeAssistant() as house, shop.greeter(house) as gateway:
        for count in shop.points(*CALLS):
            failed += call_in(shop.folder, gateway, count - so_far).failed
            so_far = count
            time.sleep(FIRST_REST_S if count == CALLS[0] else shop.shorter(REST_S))
            found[count] = {
                "memory": ("MiB", [resident_mib(gateway.pid)]),
                "descriptors": ("", [descriptors(gateway.pid)]),
                **signalling(shop, gateway),
                "digit": ("ms", typed("5" * shop.less(DIGITS), gateway, house)),
            }
    yield from curves(shop, "calls so far", found)
    yield shop.figure("of the calls so far failed", "calls", [failed])
