"""All that a run found, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bench.curve import Curve, Point
from bench.figure import Figure, Unmeasured
from bench.machine import SAME
from bench.speed import Around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

T = TypeVar("T")
Row = Figure | Curve | Unmeasured | Around


class MixedRunsError(Exception):
    """Runs on different machines or states are not put into one table."""


@dataclass(slots=True)
class Report:
    """What was found, and on what."""

    about: dict[str, str]
    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    unmeasured: list[Unmeasured] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take what was found."""
        match row:
            case Figure():
                self.figures.append(row)
            case Curve():
                self.curves.append(row)
            case Unmeasured():
                self.unmeasured.append(row)
            case Around():
                self.around.append(row)

    @classmethod
    def merged(cls, reports: Iterable[Self]) -> Self:
        """Put runs together; of what is in several the last counts.

        Raises `MixedRunsError` where they are of different machines, versions or commits.
        """
        first, *rest = reports
        for report in rest:
            for name in SAME:
                values = {one.about[name] for one in (first, report) if name in one.about}
                if len(values) > 1:
                    raise MixedRunsError(f"{name}: {' and '.join(sorted(values))}")
            first.about = {
                name: _both(first.about.get(name), report.about.get(name))
                for name in {**first.about, **report.about}
            }
            first.figures = _merged(
                first.figures, report.figures, lambda row: (row.name, row.build)
            )
            first.curves = _merged(first.curves, report.curves, lambda row: (row.name, row.build))
            taken = {(row.name, row.build) for row in report.around}
            first.unmeasured = [
                row for row in first.unmeasured if (row.name, row.build) not in taken
            ] + report.unmeasured
            first.around += report.around
        return first

    def write(self, path: Path) -> None:
        """Write all of it."""
        found = {
            "about": self.about,
            "figures": [_figure_as_json(row) for row in self.figures],
            "curves": [_curve_as_json(row) for row in self.curves],
            "unmeasured": [asdict(row) for row in self.unmeasured],
            "around": [asdict(row) for row in self.around],
        }
        path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        found = json.loads(path.read_text("utf-8"))
        report = cls(found["about"])
        for row in found["figures"]:
            known = {one.name: row[one.name] for one in fields(Figure)}
            report.add(Figure(**known))
        for row in found["curves"]:
            points = [Point(point["at"], point["values"]) for point in row["points"]]
            report.add(Curve(row["name"], row["build"], row["over"], row["unit"], points))
        for row in found["unmeasured"]:
            report.add(Unmeasured(**row))
        for row in found["around"]:
            lists = {name: tuple(row[name]) for name in ("rows", "addition_ms", "load")}
            report.add(Around(**{**row, **lists}))
        return report


def _both(old: str | None, new: str | None) -> str:
    return ", ".join(dict.fromkeys(value for value in (old, new) if value is not None))


def _merged(old: list[T], new: list[T], key: Callable[[T], object]) -> list[T]:
    return list({key(row): row for row in (*old, *new)}.values())


def _figure_as_json(row: Figure) -> dict[str, Any]:
    bar = None if row.bar is None else asdict(row.bar)
    return {**asdict(row), "bar": bar, "is": row.verdict}


def _curve_as_json(row: Curve) -> dict[str, Any]:
    return {
        **asdict(row),
        "exponent": row.exponent,
        "rise_exponent": row.rise_exponent,
        "is_steep": row.is_steep,
    }
