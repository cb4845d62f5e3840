"""What is left of many short calls: memory that does not come back."""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from bench.menus import TEXT
from bench.options import so_many_pings
from bench.speech import at_bridge_rate
from support.home_assistant import StandInHomeAssistant
from support.process import proportional_mib, resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS = 5_000
CALLS_A_SECOND = 50
CALL_MS = 300
AT_ONCE = 30  # of them, with what is between INVITE and 200
# One source may have three quarters of the calls that are taken in a second.
SOURCES = ("127.0.0.1", "127.0.0.2")
# After its start, and before the last word of its memory: pjsip keeps transactions for 32 s (RFC
# 3261 §17: 64 times T1), and free memory is given back every 20 s.
IDLE_S, REST_S = 5.0, 60.0
WARM_CALLS = 20
PINGS = 50
# SIPp ends when all calls have, which on a busy machine is late; it must not wait for ever.
PATIENCE = 3


class Called(NamedTuple):
    """How calling in went."""

    failed: int  # with 503 where the gateway's loop was late, or without an answer
    per_s: float  # of those that succeeded


def churn(shop: Workshop) -> Iterator[Figure]:
    """Have SIPp call in again and again; only the source build takes so many a second."""
    shop.need_room(AT_ONCE)
    calls = shop.less(CALLS)
    name = f"memory kept after {calls:,} short calls"
    with StandInHomeAssistant() as house, shop.greeter(house) as gateway, shop.bare() as bare:
        bare.command({"wav": str(at_bridge_rate(house.speak(TEXT), shop.folder))})
        time.sleep(IDLE_S)
        idle, idle_pss = resident_mib(gateway.pid), proportional_mib(gateway.pid)
        bare_idle = resident_mib(bare.pid)
        call_in(shop.folder, gateway, WARM_CALLS)
        warm = resident_mib(gateway.pid)
        called = call_in(shop.folder, gateway, calls)
        peak = resident_mib(gateway.pid)
        rests_until = time.monotonic() + shop.shorter(REST_S)
        bare_called = call_in(shop.folder, bare, calls)  # while the gateway rests
        time.sleep(max(0.0, rests_until - time.monotonic()))
        held = resident_mib(gateway.pid)
        ours = shop.figure(name, "MiB", [held - idle])
        yield ours
        held_pss = proportional_mib(gateway.pid)
        yield shop.figure("  ours by PSS", "MiB", [held_pss - idle_pss])
        yield shop.figure(f"  ours, more than after the first {WARM_CALLS}", "MiB", [held - warm])
        yield shop.figure("  ours, right after the last", "MiB", [peak - idle])
        yield shop.figure("  ours that failed", "calls", [called.failed])
        yield shop.figure("  ours that succeeded, a second", "", [called.per_s])
        took_ms = so_many_pings(shop.less(PINGS), gateway.address)
        yield shop.figure("  OPTIONS to ours after them", "ms", took_ms)
        time.sleep(shop.shorter(REST_S))
        kept = resident_mib(bare.pid) - bare_idle
        yield shop.beside(ours, "kept by bare pjsua2 after as many", "MiB", [kept])
        yield shop.figure("  bare pjsua2's that failed", "calls", [bare_called.failed])


def call_in(folder: Path, subject: GatewayProcess | BareProgram, calls: int) -> Called:
    """Call in so often, from all sources at once."""
    port = subject.address[1]
    began_at = time.monotonic()
    with ThreadPoolExecutor(len(SOURCES)) as pool:
        share = calls // len(SOURCES)
        succeeded = sum(pool.map(lambda source: _call_from(source, folder, port, share), SOURCES))
    return Called(calls - succeeded, succeeded / (time.monotonic() - began_at))


def _call_from(source: str, folder: Path, port: int, calls: int) -> int:
    """Return how many calls succeeded."""
    rate = CALLS_A_SECOND // len(SOURCES)
    patience_s = PATIENCE * calls // rate + 60
    done = subprocess.run(
        [
            *("sipp", "-sn", "uac", "-i", source, "-s", "house", "-d", str(CALL_MS)),
            *("-r", str(rate), "-m", str(calls), "-nostdin", "-timeout", str(patience_s)),
            f"127.0.0.1:{port}",
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience_s + 20,
        check=False,
    )
    succeeded = re.findall(r"Successful call +\|[^|]*\| +(\d+)", done.stdout)
    assert succeeded, f"SIPp ended with {done.returncode}\n{done.stdout[-3000:]}"
    return int(succeeded[-1])
