"""What 100 calls cost, and how evenly their audio is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.many_calls import crowd_of
from support.process import share_of_core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figure import Figure
    from bench.workshop import Workshop

CALLS = 100
WATCHED_S = 10.0
TIMES = 3


def processor(shop: Workshop) -> Iterator[Figure]:
    """Have the gateway and pjsip's C library do the same work, in turns."""
    shop.need_room(CALLS)
    watched_s = shop.shorter(WATCHED_S)
    ours, gaps, theirs, their_gaps = [], list[float](), [], list[float]()
    for _ in range(shop.less(TIMES)):
        with crowd_of(shop, CALLS, watched_s) as crowd:
            ours.append(crowd.gateway_calls(lambda it: share_of_core(it.pid, watched_s)))
            gaps += crowd.board.gaps_ms()
        with crowd_of(shop, CALLS, watched_s) as crowd:
            theirs.append(crowd.c_calls(lambda pid: share_of_core(pid, watched_s)))
            their_gaps += crowd.board.gaps_ms()
    took = shop.figure("processor for 100 calls, of one core", "%", ours)
    yield took
    yield shop.beside(took, "pjsip's C program, of one core", "%", theirs)
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield shop.figure("processor for 100 calls, times pjsip's C program", "", ratios)
    gap = shop.figure("gap between packets at 100 calls", "ms", gaps)
    yield gap
    yield shop.beside(gap, "gap of pjsip's C program", "ms", their_gaps)
