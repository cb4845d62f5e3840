"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.bars import BARS, Bar

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing, by its median, 99th percentile and worst."""

    name: str
    build: str
    unit: str
    count: int
    median: float
    p99: float
    worst: float

    @property
    def bar(self) -> Bar | None:
        """Return what it is held against."""
        return BARS.get(self.name)

    @property
    def judged(self) -> float:
        """Return the one of the values that the bar is about."""
        return self.median if self.bar is None else float(getattr(self, self.bar.judged))

    @property
    def verdict(self) -> str:
        """Return how it stands to the bar."""
        bar = self.bar
        if bar is None:
            return ""
        is_good = self.judged >= bar.must if bar.more_is_better else self.judged <= bar.must
        return "reached" if is_good else "MISSED"


def figure(name: str, build: str, unit: str, values: Sequence[float]) -> Figure:
    """Sum values up; there must be at least one."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return Figure(name, build, unit, len(ordered), statistics.median(ordered), p99, ordered[-1])


def machine() -> dict[str, str]:
    """Return what the figures were taken on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith(("model name", "Model"))
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(models) or 1),
        "system": platform.release(),
        "python": platform.python_version(),
    }


def print_head(about: dict[str, str]) -> None:
    """Print what stands above the table."""
    print(", ".join(f"{name}: {value}" for name, value in about.items()))
    print(f"\n{'':50} {'build':6} {'median':>9} {'p99':>9} {'worst':>9} {'':5} {'n':>5}  must")


def print_row(row: Figure) -> None:
    """Print a line of the table."""
    bar = row.bar
    must = "" if bar is None else f"{bar.judged} {bar.must:g}: {row.verdict}"
    print(
        f"{row.name:50} {row.build:6} {row.median:9.2f} {row.p99:9.2f} {row.worst:9.2f} "
        f"{row.unit:5} {row.count:5}  {must}",
        flush=True,
    )


def write_json(path: Path, about: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write all figures, each with its bar."""
    rows = [
        {**asdict(row), "bar": None if row.bar is None else asdict(row.bar), "is": row.verdict}
        for row in figures
    ]
    path.write_text(json.dumps({"about": about, "figures": rows}, indent=2) + "\n", "utf-8")
