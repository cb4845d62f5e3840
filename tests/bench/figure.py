"""A figure, and what is said where there is none."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.bars import BARS, Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = f"{'':52} {'build':6} {'median':>9} {'p99':>9} {'worst':>9} {'':5} {'n':>5}  must"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing, by its median, 99th percentile and worst."""

    name: str  # that of a peer begins with two blanks
    build: str
    unit: str
    count: int
    median: float
    p99: float
    worst: float
    ratio: float | None = None  # of a peer: how many times as much our figure is
    peer_of: str | None = None  # the name of our figure

    @property
    def bar(self) -> Bar | None:
        """Return what it is held against."""
        bar = BARS.get(self.name)
        return bar if bar is not None and self.build in bar.builds else None

    @property
    def verdict(self) -> str:
        """Return how it stands to the bar."""
        bar = self.bar
        if bar is None:
            return ""
        return "reached" if bar.is_reached(getattr(self, bar.judged)) else "MISSED"

    def beside(self, ours: Figure) -> Figure:
        """Return this figure of a peer with the ratio of ours to it."""
        kind = "median" if ours.bar is None else ours.bar.judged
        theirs = float(getattr(self, kind))
        ratio = getattr(ours, kind) / theirs if theirs else None
        return replace(self, ratio=ratio, peer_of=ours.name)

    @property
    def line(self) -> str:
        """Return it for a terminal."""
        said = "" if self.bar is None else f"{self.bar.judged} {self.bar.must:g}: {self.verdict}"
        if self.ratio is not None:
            said = f"ours is {self.ratio:.2f} times that"
        return (
            f"{self.name:52} {self.build:6} {self.median:9.2f} {self.p99:9.2f} {self.worst:9.2f} "
            f"{self.unit:5} {self.count:5}  {said}"
        )


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """What there is no figure of, and why."""

    name: str  # of the measurement
    build: str
    why: str
    is_failure: bool  # else that build or machine can't do it

    @property
    def line(self) -> str:
        """Return it for a terminal."""
        what = "FAILED" if self.is_failure else "not measured"
        return f"{self.name:52} {self.build:6} {what}: {self.why}"


class CannotMeasureError(Exception):
    """A build or a machine can't do this; the text says why."""


def figure(name: str, build: str, unit: str, values: Sequence[float]) -> Figure:
    """Sum values up; there must be at least one."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return Figure(name, build, unit, len(ordered), statistics.median(ordered), p99, ordered[-1])
