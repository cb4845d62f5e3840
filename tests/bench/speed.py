"""How fast the machine itself is while something is measured, and what else it does.

A virtual machine may be half as fast as an hour before. So a fixed piece of work is timed before
and after each measurement: figures of two runs can be compared by it. Its processor time counts:
what others take of the machine is told by the load.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

ADDITIONS = 300_000
TIMES = 5
_STEAL = 7  # the field of /proc/stat, see proc_stat(5)


@dataclass(frozen=True, slots=True)
class Moment:
    """How the machine is right now."""

    at: float
    addition_ms: float  # the median that so many additions took in Python
    load: float  # processes that run or want to, over a minute
    ticks: tuple[int, ...]

    @classmethod
    def now(cls) -> Moment:
        """Look; takes a quarter of a second."""
        took_ms = statistics.median(_additions_ms() for _ in range(TIMES))
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        ticks = tuple(map(int, fields[: _STEAL + 1]))
        return cls(time.monotonic(), took_ms, os.getloadavg()[0], ticks)


@dataclass(frozen=True, slots=True)
class Around:
    """How the machine was before and after a measurement, and what rows that has found."""

    name: str  # of the measurement
    build: str
    rows: tuple[str, ...]
    took_s: float
    addition_ms: tuple[float, ...]
    load: tuple[float, ...]
    steal_percent: float  # what the host took of the processors

    @property
    def line(self) -> str:
        """Return it for a terminal."""
        additions = " and ".join(f"{took:.1f}" for took in self.addition_ms)
        load = " and ".join(f"{load:.1f}" for load in self.load)
        return (
            f"  [{self.name}, {self.build}: {self.took_s:.0f} s; before and after {ADDITIONS:,} "
            f"additions took {additions} ms, load {load}; steal {self.steal_percent:.1f} %]"
        )


def around(name: str, build: str, rows: list[str], before: Moment, after: Moment) -> Around:
    """Sum up a measurement."""
    ticks = [new - old for new, old in zip(after.ticks, before.ticks, strict=True)]
    return Around(
        name,
        build,
        tuple(rows),
        round(after.at - before.at, 1),
        (before.addition_ms, after.addition_ms),
        (before.load, after.load),
        100 * ticks[_STEAL] / max(1, sum(ticks)),
    )


def speed_in_words(all_of: list[Around]) -> str:
    """Return how fast the machine was over a run."""
    took = [ms for one in all_of for ms in one.addition_ms]
    loads = [load for one in all_of for load in one.load]
    steals = [one.steal_percent for one in all_of]
    return (
        f"{ADDITIONS:,} additions in Python took {min(took):.0f} to {max(took):.0f} ms (median "
        f"{statistics.median(took):.0f}), load {min(loads):.1f} to {max(loads):.1f}, steal up to "
        f"{max(steals):.1f} %"
    )


def _additions_ms() -> float:
    began = time.thread_time()
    total = 0
    for number in range(ADDITIONS):
        total += number
    return 1000 * (time.thread_time() - began)
