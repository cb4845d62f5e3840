"""How figures grow: with calls at once, accounts, the size of a menu, and the calls so far."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import yaml

from bench.churn import call_in
from bench.curve import Curve, Point
from bench.digits import typed
from bench.many_calls import during_calls
from bench.resting import starts
from bench.signalling import MENU, dials
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.process import descriptors, resident_mib, share_of_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS, QUICK_CALLS = (1, 10, 50, 100, 200), (1, 100, 200)
ACCOUNTS, QUICK_ACCOUNTS = (1, 4, 8, 16, 32), (1, 16, 32)
CHOICES, QUICK_CHOICES = (10, 100, 1_000, 10_000), (10, 1_000, 10_000)
# The first few warm up: nothing was loaded or cached before them.
HISTORY, QUICK_HISTORY = (20, 1_000, 2_000, 4_000), (20, 100, 200)
# pjsip keeps transactions for 32 s (RFC 3261 §17), and free memory is given back every 20 s.
REST_S, SHORT_REST_S = 54.0, 3.0
# Once a menu file is read, what that took is given back.
READ_AFTER_S, QUICK_READ_AFTER_S = 24.0, 2.0
PINGS, DIALS, CODES, STARTS, READINGS = 100, 20, 5, 4, 3
WINDOWS = 3
WINDOW_S, QUICK_WINDOW_S = 3.0, 2.0
IDLE_WINDOW_S, QUICK_IDLE_WINDOW_S = 10.0, 3.0
PING_EVERY_S = 0.002
READING_TAKES_S = 2.0

Found = dict[str, tuple[str, list[float]]]  # name -> unit, values


def calls(shop: Workshop) -> Iterator[Curve]:
    """Take what calls at once cost, and how fast the next one is made."""
    shop.need_room(CALLS[-1])
    counts = QUICK_CALLS if shop.is_quick else CALLS
    found = {count: during_calls(shop, count, partial(_among_calls, shop)) for count in counts}
    yield from _curves("calls at once", found)


def _among_calls(shop: Workshop, gateway: GatewayProcess) -> Found:
    window_s = QUICK_WINDOW_S if shop.is_quick else WINDOW_S
    return {
        "processor": ("%", [share_of_core(gateway.pid, window_s) for _ in range(WINDOWS)]),
        "memory": ("MiB", [resident_mib(gateway.pid)]),
        **_signalling(gateway),
    }


def accounts(shop: Workshop) -> Iterator[Curve]:
    """Take what accounts cost that have no calls."""
    shop.need_accounts(ACCOUNTS[-1])
    found: dict[int, Found] = {}
    counts = QUICK_ACCOUNTS if shop.is_quick else ACCOUNTS
    window_s = QUICK_IDLE_WINDOW_S if shop.is_quick else IDLE_WINDOW_S
    for count in counts:
        gateway_of = partial(shop.gateway, **_account_settings(count))
        found[count] = {"start": ("ms", starts(shop.few_or(STARTS), gateway_of))}
    with ExitStack() as stack, ThreadPoolExecutor(len(counts)) as pool:
        all_of = [stack.enter_context(shop.gateway(**_account_settings(count))) for count in counts]
        watched = pool.map(partial(_idle_shares, window_s), all_of)
        for count, gateway, shares in zip(counts, all_of, watched, strict=True):
            found[count] |= {
                "memory": ("MiB", [resident_mib(gateway.pid)]),
                "idle processor": ("%", shares),
            }
        for count, gateway in zip(counts, all_of, strict=True):
            found[count] |= _signalling(gateway)
    yield from _curves("accounts", found)


def _idle_shares(window_s: float, gateway: GatewayProcess) -> list[float]:
    return [share_of_core(gateway.pid, window_s) for _ in range(WINDOWS)]


def _account_settings(count: int) -> dict[str, str]:
    settings = {}
    for number in range(2, count + 1):
        settings[f"SIP{number}_ENABLED"] = "true"
        settings[f"SIP{number}_ID_URI"] = f"sip:house{number}@127.0.0.1"
    return settings


def choices(shop: Workshop) -> Iterator[Curve]:
    """Take what a menu with so many codes costs, and how long its last one takes."""
    found: dict[int, Found] = {}
    counts = QUICK_CHOICES if shop.is_quick else CHOICES
    paths = {count: _menu_file(shop.folder / f"{count}.yaml", count) for count in counts}
    for count, path in paths.items():
        gateway_of = partial(shop.gateway, SIP1_INCOMING_CALL_FILE=str(path))
        found[count] = {"start": ("ms", starts(shop.few_or(STARTS), gateway_of))}
    with StandInHomeAssistant() as house, ExitStack() as stack:
        all_of = {
            count: stack.enter_context(shop.gateway(house=house, SIP1_INCOMING_CALL_FILE=str(path)))
            for count, path in paths.items()
        }
        time.sleep(QUICK_READ_AFTER_S if shop.is_quick else READ_AFTER_S)
        for count, gateway in all_of.items():
            code = f"{count - 1:05}"
            found[count] |= {
                "memory": ("MiB", [resident_mib(gateway.pid)]),
                "digit that completes the last": ("ms", _typed(shop, code, gateway, house)),
            }
            _menu_file(paths[count], count, are_pins=True)
            slowest_ms = _reading(shop, gateway, paths[count])
            found[count] |= {
                "slowest OPTIONS while it is read": ("ms", slowest_ms),
                "digit that completes the last PIN": ("ms", _typed(shop, code, gateway, house)),
            }
    yield from _curves("choices", found)


def _typed(
    shop: Workshop, code: str, gateway: GatewayProcess, house: StandInHomeAssistant
) -> list[float]:
    return typed([code] * shop.few_or(CODES), gateway, house)


def _reading(shop: Workshop, gateway: GatewayProcess, path: Path) -> list[float]:
    """Change the file, call, and ask meanwhile; returns the slowest answer of each time."""
    slowest_ms = []
    for _ in range(shop.few_or(READINGS)):
        os.utime(path)
        with Phone("caller") as caller, Phone("pinger") as pinger:
            caller.call(gateway.uri)
            ends_at = time.monotonic() + READING_TAKES_S
            took_ms = []
            while time.monotonic() < ends_at:
                took_ms.append(1000 * pinger.ping(gateway.address))
                time.sleep(PING_EVERY_S)
        slowest_ms.append(max(took_ms))
    return slowest_ms


def _menu_file(path: Path, count: int, *, are_pins: bool = False) -> Path:
    """Write a menu with so many codes, all of one length."""
    choice = {"action": {"domain": "d", "service": "s"}, "post_action": "return"}
    menu = {
        "choices_are_pin": are_pins,
        "choices": {f"{code:05}": dict(choice) for code in range(count)},
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump({"menu": menu}, Dumper=dumper), encoding="utf-8")
    return path


def history(shop: Workshop) -> Iterator[Curve]:
    """Take what is different after many short calls, once all is at rest."""
    shop.need_room(CALLS[-1])
    found: dict[int, Found] = {}
    menu_file = {"menu": {**MENU["menu"], "cache_audio": True}}
    so_far = 0
    with (
        StandInHomeAssistant() as house,
        shop.gateway(house=house, menu_file=menu_file, CACHE_DIR=str(shop.folder)) as gateway,
    ):
        for count in QUICK_HISTORY if shop.is_quick else HISTORY:
            call_in(shop, gateway, count - so_far)
            so_far = count
            time.sleep(SHORT_REST_S if shop.is_quick or count == HISTORY[0] else REST_S)
            found[count] = {
                "memory": ("MiB", [resident_mib(gateway.pid)]),
                "descriptors": ("", [descriptors(gateway.pid)]),
                **_signalling(gateway),
                "digit": ("ms", typed("5" * DIALS, gateway, house)),
            }
    yield from _curves("calls so far", found)


def _signalling(gateway: GatewayProcess) -> Found:
    """Ask, and dial."""
    with Phone("pinger") as phone:
        took_ms = [1000 * phone.ping(gateway.address) for _ in range(PINGS)]
    return {"OPTIONS": ("ms", took_ms), "dial": ("ms", dials(DIALS, gateway))}


def _curves(over: str, found: dict[int, Found]) -> Iterator[Curve]:
    """Turn what was found at each point into a curve for each name."""
    for name, (unit, _) in next(iter(found.values())).items():
        points = [Point(at, values[name][1]) for at, values in found.items()]
        yield Curve(f"{over}: {name}", over, unit, points)


ALL: Sequence[Callable[[Workshop], Iterator[Curve]]] = (calls, accounts, choices, history)
