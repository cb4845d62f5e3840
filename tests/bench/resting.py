"""Starting, and doing nothing."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from bench.bare import FOR_HOME_ASSISTANT
from support.gateway import PACKAGE_DIR
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.process import children, proportional_mib, resident_mib, share_of_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

IDLE_S = 40.0
QUICK_IDLE_S = 10.0
SETTLED_AFTER_S = 2.0
STARTS = 12
MEMORY_STARTS = 3
HEALTH_CHECKS = 20
ASK_EVERY_S = 0.002
FINE = 0.01  # of the time so far: a busy machine may never answer within 2 ms


def start(shop: Workshop) -> Iterator[Figure]:
    """From the start of the process to the first answer to OPTIONS."""
    count = shop.few_or(STARTS)
    ours = shop.figure("start to the answer to OPTIONS", "ms", starts(count, shop.gateway))
    yield ours
    yield shop.beside(ours, "the same of bare pjsua2", "ms", starts(count, shop.bare))
    with StandInHomeAssistant() as house:
        took_ms = starts(count, lambda: shop.gateway(house=house))
    yield shop.figure("start with Home Assistant to the answer to OPTIONS", "ms", took_ms)


def starts(count: int, subject: Callable[[], GatewayProcess | BareProgram]) -> list[float]:
    """Start it so often; returns the milliseconds that each took."""
    took_ms = []
    with Phone("pinger") as phone:
        for _ in range(count):
            began = time.monotonic()
            process = subject()
            while True:  # a request before the socket is there gets lost
                patience_s = max(ASK_EVERY_S, FINE * (time.monotonic() - began))
                try:
                    phone.ping(process.address, patience_s)
                except AssertionError:
                    continue
                break
            took_ms.append(1000 * (time.monotonic() - began))
            with process:
                pass
    return took_ms


def idle(shop: Workshop) -> Iterator[Figure]:
    """One account, no calls: memory, then the processor of all in the same minute."""
    with StandInHomeAssistant() as house:
        subjects = (shop.gateway, lambda: shop.gateway(house=house), shop.bare)
        held = (*subjects, lambda: shop.bare(modules=FOR_HOME_ASSISTANT))
        alone, with_house, bare, loaded = (_held(shop.few_or(MEMORY_STARTS), one) for one in held)
        for at, kind in enumerate(("RSS", "PSS")):
            ours = shop.figure(f"memory, idle ({kind})", "MiB", alone[at])
            yield ours
            yield shop.beside(ours, f"{kind} of bare pjsua2", "MiB", bare[at])
            name = f"memory with Home Assistant, idle ({kind})"
            ours = shop.figure(name, "MiB", with_house[at])
            yield ours
            name = f"{kind} of bare pjsua2 with requests and websockets"
            yield shop.beside(ours, name, "MiB", loaded[at])
        shares = _shares(QUICK_IDLE_S if shop.is_quick else IDLE_S, subjects)
    ours = shop.figure("idle processor, of one core", "%", [shares[0]])
    yield ours
    yield shop.beside(ours, "bare pjsua2, idle", "%", [shares[2]])
    ours = shop.figure("idle processor with Home Assistant, of one core", "%", [shares[1]])
    yield ours
    yield shop.beside(ours, "bare pjsua2 without Home Assistant, idle", "%", [shares[2]])


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
    seconds: float, subjects: Sequence[Callable[[], GatewayProcess | BareProgram]]
) -> list[float]:
    """Let all be idle at once; returns the share of one core of each."""
    with ExitStack() as stack, ThreadPoolExecutor(len(subjects)) as pool:
        processes = [subject() for subject in subjects]
        for process in processes:
            stack.enter_context(process)
        time.sleep(SETTLED_AFTER_S)
        return list(pool.map(lambda process: share_of_core(process.pid, seconds), processes))


def keeper(shop: Workshop) -> Iterator[Figure]:
    """Take what the small parent of `--restart` holds, and both together."""
    resident, proportional, both = [], [], []
    with StandInHomeAssistant() as house:
        for _ in range(shop.few_or(MEMORY_STARTS)):
            with shop.gateway(house=house, arguments=["--restart"]) as gateway:
                time.sleep(SETTLED_AFTER_S)
                (child,) = children(gateway.pid)
                resident.append(resident_mib(gateway.pid) - resident_mib(child))
                both.append(proportional_mib(gateway.pid))
                proportional.append(both[-1] - proportional_mib(child))
    ours = shop.figure("parent of --restart (RSS)", "MiB", resident)
    yield ours
    with _Idler(shop.build.python) as idler:
        yield shop.beside(ours, "RSS of a Python that waits", "MiB", [resident_mib(idler.pid)])
    yield shop.figure("parent of --restart (PSS)", "MiB", proportional)
    yield shop.figure("it and the gateway with Home Assistant (PSS)", "MiB", both)


class _Idler(subprocess.Popen[bytes]):
    """A Python that does nothing but wait."""

    def __init__(self, python: str) -> None:
        program = "import sys; print(flush=True); sys.stdin.read()"
        super().__init__([python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        """Wait until it is up."""
        assert self.stdout is not None
        self.stdout.readline()
        return super().__enter__()


def healthcheck(shop: Workshop) -> Iterator[Figure]:
    """How long the question for health takes that a container asks every few seconds."""
    path = str(shop.folder / "health.sock")
    question = [shop.build.python, "-m", "hasip", "--healthcheck"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_DIR), "HASIP_HEALTH_SOCKET": path}
    count = shop.few_or(HEALTH_CHECKS)
    with shop.gateway(HASIP_HEALTH_SOCKET=path):
        took_ms = [_run_ms(question, environment) for _ in range(count)]
    ours = shop.figure("--healthcheck, from its start to its end", "ms", took_ms)
    yield ours
    nothing = [shop.build.python, "-c", "pass"]
    theirs = [_run_ms(nothing, environment) for _ in range(count)]
    yield shop.beside(ours, "a Python that does nothing", "ms", theirs)


def _run_ms(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=20)
    return 1000 * (time.monotonic() - began)
