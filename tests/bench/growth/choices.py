"""What a menu with so many codes costs."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench.dial import dials
from bench.digits import typed
from bench.growth.found import curves
from bench.menus import codes, write
from bench.options import pings
from bench.start import starts
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.process import resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.curve import Curve
    from bench.growth.found import Found
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CHOICES = (10, 100, 1_000, 10_000)
STARTS, CODES, READINGS, DIALS = 4, 5, 3, 5
# Once a menu file is read, what that took is given back.
READ_AFTER_S = 24.0
# The gateway has 100 answers in store, beside 50 a second; a file is read in less than 2 s.
PING_EVERY_S = 0.01
PINGS_IN_STORE_S = 2.0
# A key that no menu has: the log tells of it as soon as the file is read.
SIGN = "sign_that_it_is_read"


def choices(shop: Workshop) -> Iterator[Curve]:
    """Start with menus of some codes and of more, type the last one, have it read anew."""
    shop.need_shipped()
    found: dict[int, Found] = {}
    counts = shop.points(*CHOICES)
    paths = {count: write(shop.folder / f"{count}.yaml", codes(count)) for count in counts}
    for count, path in paths.items():
        gateway_of = partial(shop.gateway, SIP1_INCOMING_CALL_FILE=str(path))
        found[count] = {"start": ("ms", starts(shop.less(STARTS), gateway_of))}
    with StandInHomeAssistant() as house, ExitStack() as stack:
        all_of = {
            count: stack.enter_context(shop.gateway(house=house, SIP1_INCOMING_CALL_FILE=str(path)))
            for count, path in paths.items()
        }
        time.sleep(shop.shorter(READ_AFTER_S))
        for count, gateway in all_of.items():
            type_last = partial(typed, [f"{count - 1:05}"] * shop.less(CODES), gateway, house)
            found[count] |= {
                "memory": ("MiB", [resident_mib(gateway.pid)]),
                "digit that completes the last": ("ms", type_last()),
            }
            read_ms, slowest_ms = _reading(shop, gateway, paths[count], count)
            found[count] |= {
                "reading it": ("ms", read_ms),
                "slowest OPTIONS while it is read": ("ms", slowest_ms),
                "digit that completes the last PIN": ("ms", type_last()),
                "dial with as many": (
                    "ms",
                    dials(shop.less(DIALS), gateway, {"menu": codes(count)}),
                ),
            }
    yield from curves(shop, "choices", found)


def _reading(
    shop: Workshop, gateway: GatewayProcess, path: Path, count: int
) -> tuple[list[float], list[float]]:
    """Write the file with PINs, call, and ask until it is read, and again.

    Returns the milliseconds from the INVITE to its end, and the slowest answer of each time.
    """
    write(path, {**codes(count, are_pins=True), SIGN: True})
    took_ms, slowest_ms = [], []
    with Phone("caller") as caller, Phone("pinger") as pinger:
        for _ in range(shop.less(READINGS)):
            os.utime(path)
            time.sleep(PINGS_IN_STORE_S)
            lines = len(gateway.lines)
            call = caller.call(gateway.uri)

            def is_unread(_: int, since: int = lines) -> bool:
                return not any(SIGN in line for line in gateway.lines[since:])

            asked_ms = pings(pinger, gateway.address, is_unread, every_s=PING_EVERY_S)
            took_ms.append(1000 * (time.monotonic() - call.began_at))
            slowest_ms.append(max(asked_ms))
            call.hang_up()
    return took_ms, slowest_ms
