"""How many calls there may be at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.many_calls import crowd_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figure import Figure
    from bench.workshop import Workshop

WATCHED_S = 10.0


def crowd(shop: Workshop) -> Iterator[Figure]:
    """As many calls as the build takes: those that heard their own prompt and lost nothing."""
    calls, watched_s = shop.build.most_calls, shop.shorter(WATCHED_S)
    with crowd_of(shop, calls, watched_s) as all_of:
        all_of.gateway_calls(lambda _: time.sleep(watched_s))
        ours = shop.figure("calls at once, own prompt, nothing lost", "calls", [all_of.good()])
        lost = [float(missed) for _, missed in all_of.board.heard]
    yield ours
    if shop.build.is_shipped:
        with crowd_of(shop, calls, watched_s) as all_of:
            all_of.c_calls(lambda _: time.sleep(watched_s))
            yield shop.beside(ours, "calls of pjsip's C program", "calls", [all_of.good()])
    yield shop.figure("  packets lost of a call", "", lost)
