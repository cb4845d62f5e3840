"""What calls at once cost, and how fast the next one is made, answered and served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.answer import answers
from bench.digits import typed
from bench.figure import figure
from bench.growth.found import curves, signalling
from bench.idle import idle_shares
from bench.many_calls import crowd_of
from bench.menus import GREETING
from support.home_assistant import StandInHomeAssistant
from support.process import resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.curve import Curve
    from bench.growth.found import Found
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS = (1, 50, 100, 200)
WINDOWS, WINDOW_S = 3, 3.0
ANSWERS, DIGITS = 10, 20
# Prompts last as long: all that is measured of one point, on a busy machine.
WATCHED_S = 40.0


def calls(shop: Workshop) -> Iterator[Curve]:
    """Have some calls, then more."""
    shop.need_shipped()
    found = {count: _with_calls(shop, count) for count in shop.points(*CALLS)}
    yield from curves(shop, "calls at once", found)


def _with_calls(shop: Workshop, count: int) -> Found:
    with StandInHomeAssistant() as house, crowd_of(shop, count, WATCHED_S) as crowd:
        how = {"house": house, "menu_file": GREETING, "CACHE_DIR": shop.cache}
        found = crowd.gateway_calls(lambda gateway: _among(shop, gateway, house), **how)
        gaps = figure("", "", "ms", crowd.board.gaps_ms() or [0.0])
        return {**found, "gap between packets, 99 of 100": ("ms", [gaps.p99])}


def _among(shop: Workshop, gateway: GatewayProcess, house: StandInHomeAssistant) -> Found:
    return {
        "processor": ("%", idle_shares(WINDOWS, WINDOW_S, gateway.pid)),
        "memory": ("MiB", [resident_mib(gateway.pid)]),
        **signalling(shop, gateway),
        "INVITE to 200": ("ms", answers(shop.less(ANSWERS), gateway)),
        "digit": ("ms", typed("5" * shop.less(DIGITS), gateway, house)),
    }
