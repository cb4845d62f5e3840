"""Fuzzes one surface for a while, and says what came of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fuzz.watch import LINGERS_SHORT_S, LONG_RUN_S, Watch
from support.gateway import GatewayProcess
from support.inside import Inside
from support.phone import Phone
from support.ports import free_port, rtp_port

if TYPE_CHECKING:
    from fuzz.surface import Pieces, Surface

FAILURES = Path("fuzz-failures")
_LOOK_EVERY_S = 1.0
_KEPT_INPUTS = 2000
_LAST_LINES = 60


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    surface: str
    seed: int
    tried: int = 0
    seconds: float = 0.0  # of input, without rests
    slowest_s: float = 0.0
    memory_mib: float = 0.0
    growth_mib: float = 0.0
    faults: list[str] = field(default_factory=list)
    saved_to: Path | None = None

    def row(self) -> str:
        """Return a line of a table."""
        return (
            f"| {self.surface:<10} | {self.tried:>8,} | {self.seconds:>6.0f} s | "
            f"{self.slowest_s * 1000:>6.0f} ms | {self.memory_mib:>5.0f} MiB | "
            f"{self.growth_mib:>+6.1f} MiB | {len(self.faults):>6} |"
        )


HEAD = (
    "| surface    |   inputs |     time | slowest   |    memory |     growth | faults |\n"
    "|------------|----------|----------|-----------|-----------|------------|--------|"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try: all inputs from a number on, for so long or so many."""

    seconds: float
    seed: int
    first: int = 0
    count: int | None = None
    python: str = sys.executable  # whose pjsua2 it is


def run(kind: type[Surface], plan: Plan) -> Outcome:
    """Start a gateway, send it inputs, and look at what it became."""
    outcome = Outcome(kind.name, plan.seed)
    recent: deque[tuple[int, Pieces]] = deque(maxlen=_KEPT_INPUTS)
    with TemporaryDirectory(prefix="ha-sip-fuzz-") as folder:
        try:
            _run(kind(Path(folder)), plan, outcome, recent)
        except Exception as error:
            outcome.faults.append(f"{type(error).__name__}: {error}")
    if outcome.faults:
        outcome.saved_to = _save(outcome, recent)
    return outcome


def _run(surface: Surface, plan: Plan, outcome: Outcome, recent: deque[tuple[int, Pieces]]) -> None:
    with contextlib.ExitStack() as stack:
        settings = surface.prepare(stack)
        port = free_port()
        general = f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)} {settings.pop('FUZZ_OPTIONS', '')}"
        environment: dict[str, Any] = {"LOG_LEVEL": "1", "GLOBAL_OPTIONS": general, **settings}
        inside = Inside(surface.folder)
        environment |= inside.settings
        is_long = plan.seconds >= LONG_RUN_S
        if not is_long:
            environment["INSIGHT_FORGETS_AFTER_MS"] = str(round(1_000 * LINGERS_SHORT_S))
        gateway = stack.enter_context(
            GatewayProcess(
                surface.folder,
                menu_file=surface.menu_file,
                port=port,
                python=plan.python,
                **environment,
            )
        )
        pinger = stack.enter_context(Phone("pinger"))
        watch = Watch(gateway, inside, pinger, is_long)
        watch.look()
        try:
            for seconds in _parts(surface, plan.seconds):
                began = time.monotonic()
                _send_all(surface, plan, outcome, recent, watch, ends_at=began + seconds)
                outcome.seconds += time.monotonic() - began
                surface.rest(gateway)
                watch.wait_for_rest()
        finally:
            outcome.slowest_s = watch.slowest_s
            outcome.memory_mib = max(watch.memory)
            outcome.growth_mib = watch.growth_mib
            outcome.faults += watch.faults()


def _parts(surface: Surface, seconds: float) -> tuple[float, ...]:
    """Return for how long input is sent, before each rest; of a long run, first the warm-up."""
    if seconds < LONG_RUN_S:
        return (seconds,)
    warm_up_s = max(seconds / 3, surface.warm_up_s)
    return warm_up_s, max(seconds - warm_up_s, seconds / 3)


def _send_all(
    surface: Surface,
    plan: Plan,
    outcome: Outcome,
    recent: deque[tuple[int, Pieces]],
    watch: Watch,
    *,
    ends_at: float,
) -> None:
    look_at = time.monotonic() + _LOOK_EVERY_S
    while time.monotonic() < ends_at and (plan.count is None or outcome.tried < plan.count):
        number = plan.first + outcome.tried
        pieces = surface.input(plan.seed, number)
        recent.append((number, pieces))
        surface.send(watch.gateway, pieces)
        outcome.tried += 1
        if time.monotonic() > look_at:
            watch.look()
            look_at = time.monotonic() + _LOOK_EVERY_S
    watch.look()


def _save(outcome: Outcome, recent: deque[tuple[int, Pieces]]) -> Path:
    """Write down what was sent last, and what is wrong."""
    FAILURES.mkdir(exist_ok=True)
    path = FAILURES / f"{outcome.surface}-{outcome.seed}.txt"
    first, last = (recent[0][0], recent[-1][0]) if recent else (0, 0)
    again = (
        f"./build.sh fuzz {outcome.surface} --seed {outcome.seed} --first {first} "
        f"--count {last - first + 1}"
    )
    inputs = [f"{number} {pieces!r}" for number, pieces in recent]
    text = "\n".join([f"again: {again}", *outcome.faults, "", "inputs, by number:", *inputs, ""])
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
