"""What it costs to do nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.bare import FOR_HOME_ASSISTANT
from support.home_assistant import StandInHomeAssistant
from support.process import proportional_mib, resident_mib, share_of_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

WINDOWS, WINDOW_S = 5, 8.0
SETTLED_AFTER_S = 2.0
MEMORY_STARTS = 3


def idle(shop: Workshop) -> Iterator[Figure]:
    """One account, no calls: memory, then the processor of all in the same minute."""
    with StandInHomeAssistant() as house:
        subjects = (shop.gateway, lambda: shop.gateway(house=house), shop.bare)
        held = (*subjects, lambda: shop.bare(modules=FOR_HOME_ASSISTANT))
        alone, with_house, bare, loaded = (_held(shop.less(MEMORY_STARTS), one) for one in held)
        for at, kind in enumerate(("RSS", "PSS")):
            ours = shop.figure(f"memory, idle ({kind})", "MiB", alone[at])
            yield ours
            yield shop.beside(ours, f"{kind} of bare pjsua2", "MiB", bare[at])
            name = f"memory with Home Assistant, idle ({kind})"
            ours = shop.figure(name, "MiB", with_house[at])
            yield ours
            name = f"{kind} of bare pjsua2 with requests and websockets"
            yield shop.beside(ours, name, "MiB", loaded[at])
        shares = _shares(shop.less(WINDOWS), subjects)
    ours = shop.figure("idle processor, of one core", "%", shares[0])
    yield ours
    yield shop.beside(ours, "bare pjsua2, idle", "%", shares[2])
    ours = shop.figure("idle processor with Home Assistant, of one core", "%", shares[1])
    yield ours
    yield shop.beside(ours, "bare pjsua2 without Home Assistant, idle", "%", shares[2])


def _held(
    count: int, subject: Callable[[], GatewayProcess | BareProgram]
) -> tuple[list[float], list[float]]:
    """Start it so often; returns the RSS and the PSS of each time."""
    resident, proportional = [], []
    for _ in range(count):
        with subject() as process:
            time.sleep(SETTLED_AFTER_S)
            resident.append(resident_mib(process.pid))
            proportional.append(proportional_mib(process.pid))
    return resident, proportional


def _shares(
    windows: int, subjects: Sequence[Callable[[], GatewayProcess | BareProgram]]
) -> list[list[float]]:
    """Let all be idle at once; returns the shares of one core of each, one a window."""
    with ExitStack() as stack, ThreadPoolExecutor(len(subjects)) as pool:
        processes = [subject() for subject in subjects]
        for process in processes:
            stack.enter_context(process)
        time.sleep(SETTLED_AFTER_S)
        return list(
            pool.map(lambda process: idle_shares(windows, WINDOW_S, process.pid), processes)
        )


def idle_shares(windows: int, window_s: float, pid: int) -> list[float]:
    """Return the share of one core of each window, in percent."""
    return [share_of_core(pid, window_s) for _ in range(windows)]
