"""What is left of many short calls: memory that does not come back."""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.process import proportional_mib, resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS, QUICK_CALLS = 5_000, 250
CALLS_A_SECOND = 50
CALL_MS = 300
AT_ONCE = 30  # of them, with what is between INVITE and 200
# One source may have three quarters of the calls that are taken in a second.
SOURCES = ("127.0.0.1", "127.0.0.2")
# Made once, as in a house: to convert 50 prompts a second is what ffmpeg costs, not a call.
MENU = {"menu": {"message": "Hello there", "cache_audio": True}}
# pjsip keeps transactions for 32 s (RFC 3261 §17: 64 times T1).
REST_S, QUICK_REST_S = 60.0, 5.0
WARM_CALLS = 20
MOST_FAILED = 0.05  # on a busy machine some do
PINGS = 50


def churn(shop: Workshop) -> Iterator[Figure]:
    """Have SIPp call in again and again; only the source build takes so many a second."""
    shop.need_room(AT_ONCE)
    calls, rest_s = (QUICK_CALLS, QUICK_REST_S) if shop.is_quick else (CALLS, REST_S)
    name = "memory kept after 5,000 short calls"
    with (
        StandInHomeAssistant() as house,
        shop.gateway(house=house, menu_file=MENU, CACHE_DIR=str(shop.folder)) as gateway,
        Phone("pinger") as pinger,
    ):
        call_in(shop, gateway, WARM_CALLS)
        before, before_pss = resident_mib(gateway.pid), proportional_mib(gateway.pid)
        failed = call_in(shop, gateway, calls)
        peak = resident_mib(gateway.pid)
        time.sleep(rest_s)
        kept = resident_mib(gateway.pid) - before
        yield shop.figure(f"{name[:17]} {calls} calls" if shop.is_quick else name, "MiB", [kept])
        kept_pss = proportional_mib(gateway.pid) - before_pss
        yield shop.figure("  the same by PSS", "MiB", [kept_pss])
        yield shop.figure("  right after the last of them", "MiB", [peak - before])
        yield shop.figure("  of them failed", "calls", [failed])
        took_ms = [1000 * pinger.ping(gateway.address) for _ in range(PINGS)]
        yield shop.figure("  OPTIONS after them", "ms", took_ms)


def call_in(shop: Workshop, gateway: GatewayProcess, calls: int) -> int:
    """Call in so often, from all sources at once; returns how many calls failed."""
    share = gateway.address[1], CALLS_A_SECOND // len(SOURCES), calls // len(SOURCES)
    with ThreadPoolExecutor(len(SOURCES)) as pool:
        failed = sum(pool.map(lambda source: _call_from(source, shop, *share), SOURCES))
    why = "on a busy machine the gateway is late and refuses some with 503"
    assert failed < MOST_FAILED * calls, f"{failed} of {calls} calls failed; {why}"
    return failed


def _call_from(source: str, shop: Workshop, port: int, rate: int, calls: int) -> int:
    done = subprocess.run(
        [
            *("sipp", "-sn", "uac", "-i", source, "-s", "house", "-d", str(CALL_MS)),
            *("-r", str(rate), "-m", str(calls), "-nostdin", "-timeout", "200"),
            f"127.0.0.1:{port}",
        ],
        cwd=shop.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    succeeded = re.findall(r"Successful call +\|[^|]*\| +(\d+)", done.stdout)
    assert succeeded, f"SIPp ended with {done.returncode}\n{done.stdout[-3000:]}"
    return calls - int(succeeded[-1])
