"""How figures grow with calls at once, with accounts and with the size of a menu."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench.many_calls import cost_of
from bench.picture import Curve, draw
from support.phone import Phone
from support.process import resident_mib
from support.source_build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from bench.table import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS = (1, 10, 50, 100, 200)
ACCOUNTS = (1, 4, 8, 16, 32)
CHOICES = (10, 100, 1_000, 10_000)
PINGS = 100
SETTLED_AFTER_S = 1.0


def growth(shop: Workshop) -> Iterator[Figure]:
    """Give the exponent of each curve (1 is linear), and redraw `docs/growth.svg`."""
    if shop.build.name == "wheel":
        return
    curves = [*_calls(shop), *_accounts(shop), *_menus(shop)]
    draw(PROJECT / "docs" / "growth.svg", curves)
    for curve in curves:
        yield shop.figure(f"growth: {curve.name}", "", [curve.exponent])


def _calls(shop: Workshop) -> list[Curve]:
    shares, memory, pings = [], [], []
    for calls in CALLS:
        seen: list[tuple[float, float]] = []
        share = cost_of(shop, calls, lambda gateway: seen.append(_seen(gateway)))  # noqa: B023
        held, took_ms = seen[0]
        shares.append((calls, share))
        memory.append((calls, held))
        pings.append((calls, took_ms))
    return [
        Curve("calls: processor, %", shares),
        Curve("calls: memory, MiB", memory),
        Curve("calls: OPTIONS, ms", pings),
    ]


def _seen(gateway: GatewayProcess) -> tuple[float, float]:
    """Return its memory in MiB, and the median milliseconds of an answer to OPTIONS."""
    with Phone("pinger") as phone:
        took_ms = [1000 * phone.ping(gateway.address) for _ in range(PINGS)]
    return resident_mib(gateway.pid), statistics.median(took_ms)


def _accounts(shop: Workshop) -> list[Curve]:
    found = [(count, *_started(shop, settings=_account_settings(count))) for count in ACCOUNTS]
    return [
        Curve("accounts: start, ms", [(count, took) for count, took, _ in found]),
        Curve("accounts: memory, MiB", [(count, held) for count, _, held in found]),
    ]


def _account_settings(count: int) -> dict[str, str]:
    settings = {}
    for number in range(2, count + 1):
        settings[f"SIP{number}_ENABLED"] = "true"
        settings[f"SIP{number}_ID_URI"] = f"sip:house{number}@127.0.0.1"
    return settings


def _menus(shop: Workshop) -> list[Curve]:
    found = [(count, *_started(shop, _menu(count))) for count in CHOICES]
    return [
        Curve("choices: start, ms", [(count, took) for count, took, _ in found]),
        Curve("choices: memory, MiB", [(count, held) for count, _, held in found]),
    ]


def _menu(choices: int) -> dict[str, Any]:
    """Return a menu with so many codes, all of one length."""
    return {
        "menu": {
            "choices": {
                f"{code:05}": {"action": {"domain": "d", "service": "s"}, "post_action": "noop"}
                for code in range(choices)
            }
        }
    }


def _started(
    shop: Workshop,
    menu_file: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
) -> tuple[float, float]:
    """Start the gateway; returns the milliseconds until it was up, and its memory in MiB."""
    began = time.monotonic()
    with shop.gateway(menu_file=menu_file, **(settings or {})) as gateway:
        took_ms = 1000 * (time.monotonic() - began)
        time.sleep(SETTLED_AFTER_S)
        return took_ms, resident_mib(gateway.pid)
