"""All that a run found, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bench.curve import Curve, Point
from bench.figure import Figure, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What was found, and on what."""

    about: dict[str, str]
    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    unmeasured: list[Unmeasured] = field(default_factory=list)

    def add(self, row: Figure | Curve | Unmeasured) -> None:
        """Take what was found."""
        match row:
            case Figure():
                self.figures.append(row)
            case Curve():
                self.curves.append(row)
            case Unmeasured():
                self.unmeasured.append(row)

    @classmethod
    def merged(cls, reports: Iterable[Self]) -> Self:
        """Put runs together: of what is in several the last counts, and of `about` the first."""
        first, *rest = reports
        for report in rest:
            first.figures = _merged(
                first.figures, report.figures, lambda row: (row.name, row.build)
            )
            first.curves = _merged(first.curves, report.curves, lambda row: row.name)
            first.unmeasured += report.unmeasured
        return first

    def write(self, path: Path) -> None:
        """Write all of it."""
        found = {
            "about": self.about,
            "figures": [_figure_as_json(row) for row in self.figures],
            "curves": [_curve_as_json(row) for row in self.curves],
            "unmeasured": [asdict(row) for row in self.unmeasured],
        }
        path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        found = json.loads(path.read_text("utf-8"))
        report = cls(found["about"])
        for row in found["figures"]:
            known = {one.name: row[one.name] for one in fields(Figure) if one.name in row}
            report.add(Figure(**known))
        for row in found["curves"]:
            points = [Point(point["at"], point["values"]) for point in row["points"]]
            report.add(Curve(row["name"], row["over"], row["unit"], points))
        for row in found["unmeasured"]:
            report.add(Unmeasured(**row))
        return report


def _merged(old: list[T], new: list[T], key: Callable[[T], object]) -> list[T]:
    return list({key(row): row for row in (*old, *new)}.values())


def _figure_as_json(row: Figure) -> dict[str, Any]:
    bar = None if row.bar is None else asdict(row.bar)
    return {**asdict(row), "bar": bar, "is": row.verdict}


def _curve_as_json(row: Curve) -> dict[str, Any]:
    return {
        **asdict(row),
        "exponent": row.exponent,
        "last_exponent": row.last_exponent,
        "is_steep": row.is_steep,
    }
