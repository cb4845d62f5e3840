"""What accounts cost that are registered and have no calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench.growth.found import curves, signalling
from bench.idle import idle_shares
from bench.start import starts
from support.process import resident_mib
from support.registrar import Answer, ScriptedRegistrar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.curve import Curve
    from bench.growth.found import Found
    from bench.workshop import Workshop

ACCOUNTS = (1, 8, 16, 32)
STARTS = 4
# Together longer than what lies between two REGISTERs of an account.
WINDOWS, WINDOW_S = 4, 12.0
PATIENCE_S = 60.0


def accounts(shop: Workshop) -> Iterator[Curve]:
    """Start with some accounts, then with more; all are idle at once."""
    shop.need_shipped()
    counts = shop.points(*ACCOUNTS)
    found: dict[int, Found] = {}
    with ScriptedRegistrar(lambda _: Answer()) as registrar:
        settings = {count: _settings(count, registrar.uri) for count in counts}
        for count in counts:
            gateway_of = partial(shop.gateway, **settings[count])
            found[count] = {"start": ("ms", starts(shop.less(STARTS), gateway_of))}
        with ExitStack() as stack, ThreadPoolExecutor(len(counts)) as pool:
            all_of = [stack.enter_context(shop.gateway(**settings[count])) for count in counts]
            for count, gateway in zip(counts, all_of, strict=True):
                gateway.wait_lines("): registered", count, PATIENCE_S)
            watch = partial(idle_shares, shop.less(WINDOWS), shop.shorter(WINDOW_S))
            watched = pool.map(lambda gateway: watch(gateway.pid), all_of)
            for count, gateway, shares in zip(counts, all_of, watched, strict=True):
                found[count] |= {
                    "memory": ("MiB", [resident_mib(gateway.pid)]),
                    "idle processor": ("%", shares),
                }
            for count, gateway in zip(counts, all_of, strict=True):
                found[count] |= signalling(shop, gateway)
    yield from curves(shop, "accounts", found)


def _settings(count: int, registrar: str) -> dict[str, str]:
    settings = {}
    for number in range(1, count + 1):
        settings[f"SIP{number}_ENABLED"] = "true"
        settings[f"SIP{number}_ID_URI"] = f"sip:house{number}@127.0.0.1"
        settings[f"SIP{number}_REGISTRAR_URI"] = registrar
    return settings
