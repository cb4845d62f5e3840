"""How a figure grows with something: its points, and the exponent."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 1e-3  # of what has no logarithm
LINEAR = 1.02  # rounded up: what was measured once has no values that differ


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured, perhaps several times, where there were so many."""

    at: float
    values: Sequence[float]

    @property
    def median(self) -> float:
        """Return what counts of it."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Curve:
    """How a figure grows."""

    name: str
    over: str  # what grows: calls at once
    unit: str
    points: Sequence[Point]

    @property
    def exponent(self) -> float:
        """Return the slope of the straight line through the logarithms: 1 is linear."""
        xs = [math.log(point.at) for point in self.points]
        ys = [_log(point.median) for point in self.points]
        middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
        rise = math.fsum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True))
        return rise / math.fsum((x - middle) ** 2 for x in xs)

    @property
    def last_exponent(self) -> float:
        """Return the slope between the last two points; what is there from the start hides less."""
        before, last = self.points[-2:]
        return (_log(last.median) - _log(before.median)) / math.log(last.at / before.at)

    @property
    def is_steep(self) -> bool:
        """Tell whether it grows faster than linearly, by more than its values differ anyway."""
        return any(
            (_log(min(last.values)) - _log(max(first.values))) / math.log(last.at / first.at)
            > LINEAR
            for first, last in (self.points[-2:], (self.points[0], self.points[-1]))
        )

    @property
    def line(self) -> str:
        """Return it for a terminal."""
        first, last = self.points[0], self.points[-1]
        return (
            f"{self.name:44} {first.median:9.2f} at {first.at:<6g} {last.median:9.2f} at "
            f"{last.at:<6g} {self.unit:4} exponent {self.exponent:5.2f}, between the last two "
            f"{self.last_exponent:5.2f}{'  STEEPER THAN LINEAR' if self.is_steep else ''}"
        )


def _log(value: float) -> float:
    return math.log(max(value, LEAST))
