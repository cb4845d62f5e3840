"""How a figure grows with something: its points, and how steeply it rises.

What is there from the start hides how the rest grows: memory that goes from 47 MiB to 81 looks
flat, even where the 34 more grew with the square. So the rise over the first point is judged.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 1e-3  # of what has no logarithm
# Of the first point, what is no rise: a value that was measured once does not tell how sure it is.
NOISE = 0.05
# And what is none whatever the first point is: a busy machine does as much by itself.
LITTLE = {"ms": 1.0, "MiB": 1.0, "%": 0.2}
LINEAR = 1.02  # rounded up


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured, perhaps several times, where there were so many."""

    at: float
    values: Sequence[float]

    @property
    def median(self) -> float:
        """Return what counts of it."""
        return statistics.median(self.values)

    def quarter(self, share: float) -> float:
        """Return the value below which that share of all is; of few the first or the last."""
        return sorted(self.values)[round(share * (len(self.values) - 1))]


@dataclass(frozen=True, slots=True)
class Curve:
    """How a figure grows."""

    name: str
    build: str
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
    def rise_exponent(self) -> float | None:
        """Return how the rise over the first point grows between the last two: 1 is linear.

        None where there is no rise, or no point between.
        """
        if len(self.points) < 3:
            return None
        first, *_, before, last = self.points
        risen = last.median - first.median
        if risen <= self._noise:
            return None
        ratio = risen / max(before.median - first.median, self._noise)
        return math.log(ratio) / math.log((last.at - first.at) / (before.at - first.at))

    @property
    def is_steep(self) -> bool:
        """Tell whether it grows faster than linearly, by more than its values differ anyway.

        Either all of it, or what it has risen since the first point, beside what it had risen at
        any point between.
        """
        first, *between, last = self.points
        if last.quarter(0.25) > first.quarter(0.75) * LINEAR * last.at / first.at > 0:
            return True
        risen = last.quarter(0.25) - first.quarter(0.75)
        return any(
            risen
            > (max(0.0, point.quarter(0.75) - first.quarter(0.25)) + self._noise)
            * LINEAR
            * (last.at - first.at)
            / (point.at - first.at)
            for point in between
        )

    @property
    def _noise(self) -> float:
        return max(NOISE * self.points[0].median, LITTLE.get(self.unit, LEAST))

    @property
    def slopes(self) -> str:
        """Return both exponents in words."""
        rise = self.rise_exponent
        return f"exponent {self.exponent:.2f}, " + (
            "no rise" if rise is None else f"of the rise {rise:.2f}"
        )

    @property
    def line(self) -> str:
        """Return it for a terminal."""
        first, last = self.points[0], self.points[-1]
        return (
            f"{self.name:44} {self.build:6} {first.median:9.2f} at {first.at:<6g} "
            f"{last.median:9.2f} at {last.at:<6g} {self.unit:4} {self.slopes}"
            f"{'  STEEPER THAN LINEAR' if self.is_steep else ''}"
        )


def _log(value: float) -> float:
    return math.log(max(value, LEAST))
