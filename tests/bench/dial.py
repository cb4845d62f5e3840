"""How fast a call is made."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from bench.menus import LARGE, NOTHING
from bench.one_call import one_call
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

DIALS = 100
# Before those that count: the prompts of the menu are made, and all is loaded.
WARM_DIALS = 2
BUSY_HERE = 486


def dial(shop: Workshop) -> Iterator[Figure]:
    """From a line on stdin to the INVITE at the phone."""
    count = shop.less(DIALS)
    for size, extra in (("small", NOTHING), ("2 kB", {"menu": LARGE})):
        with shop.bare() as bare:
            theirs = dials(count, bare, extra)
        name = f"dial to INVITE, {size} command"
        with (
            StandInHomeAssistant() as house,
            shop.gateway(house=house, CACHE_DIR=shop.cache) as gateway,
        ):
            ours = shop.figure(name, "ms", dials(count, gateway, extra, house))
        yield ours
        yield shop.beside(ours, f"dial of bare pjsua2, {size} command", "ms", theirs)


def dials(
    count: int,
    subject: GatewayProcess | BareProgram,
    extra: Mapping[str, object] = NOTHING,
    house: StandInHomeAssistant | None = None,
) -> list[float]:
    """Dial so often, one call after the other.

    Returns the milliseconds from the first byte of each command to its INVITE.
    """
    took_ms = []
    with Phone("b", reject_with=BUSY_HERE) as phone:
        for number in range(WARM_DIALS + count):
            # Another number every time: one that is still ringing is not dialled again.
            uri = phone.uri.replace("b@", f"b{number}@")
            line = json.dumps({"command": "dial", "number": uri, **extra}).encode() + b"\n"
            with one_call(subject, house):
                sent_at = time.monotonic()
                subject.write(line)
                took_ms.append(1000 * (phone.wait_call().began_at - sent_at))
    return took_ms[WARM_DIALS:]
