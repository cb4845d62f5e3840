"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing, by its median, 99th percentile and worst."""

    name: str
    unit: str
    count: int
    median: float
    p99: float
    worst: float


def figure(name: str, unit: str, values: Sequence[float]) -> Figure:
    """Sum values up; there must be at least one."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return Figure(name, unit, len(ordered), statistics.median(ordered), p99, ordered[-1])


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
        "python": platform.python_version(),
    }


def print_row(row: Figure) -> None:
    """Print a line of the table."""
    print(
        f"{row.name:58} {row.median:9.2f} {row.p99:9.2f} {row.worst:9.2f} {row.unit:5} "
        f"n={row.count}",
        flush=True,
    )


def print_head(about: dict[str, str]) -> None:
    """Print what stands above the table."""
    print(", ".join(f"{name}: {value}" for name, value in about.items()))
    print(f"\n{'':58} {'median':>9} {'p99':>9} {'worst':>9}")


def write_json(path: Path, about: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write all figures."""
    report = {"about": about, "figures": [asdict(row) for row in figures]}
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
