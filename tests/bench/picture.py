"""Curves as a picture: both axes logarithmic, so that what grows linearly rises by 45 degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIDE, MARGIN, COLUMNS = 200, 50, 3


@dataclass(frozen=True, slots=True)
class Curve:
    """How a figure grows."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def exponent(self) -> float:
        """Return the slope of the straight line through the logarithms: 1 is linear."""
        xs, ys = zip(*[(math.log(x), math.log(max(y, 1e-3))) for x, y in self.points], strict=True)
        middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
        rise = math.fsum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True))
        return rise / math.fsum((x - middle) ** 2 for x in xs)


def draw(path: Path, curves: Sequence[Curve]) -> None:
    """Write all curves into one SVG, side by side."""
    cell = SIDE + 2 * MARGIN
    rows = -(-len(curves) // COLUMNS)
    size = f'width="{COLUMNS * cell}" height="{rows * cell}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, curve in enumerate(curves):
        across, down = number % COLUMNS * cell + MARGIN, number // COLUMNS * cell + MARGIN
        parts += [f'<g transform="translate({across},{down})">', *_panel(curve), "</g>"]
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _panel(curve: Curve) -> list[str]:
    width = math.log10(curve.points[-1][0] / curve.points[0][0])
    lowest = min(y for _, y in curve.points)
    parts = [
        f'<text y="-12">{curve.name}: exponent {curve.exponent:.2f}</text>',
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<path d="M0 {SIDE}L{SIDE} 0" stroke="#ccc" stroke-dasharray="4"/>',
    ]
    spots = []
    for x, y in curve.points:
        across = SIDE * math.log10(x / curve.points[0][0]) / width
        up = SIDE - SIDE * math.log10(max(y, 1e-3) / max(lowest, 1e-3)) / width
        spots.append(f"{across:.1f},{up:.1f}")
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="#06c"/>')
        parts.append(f'<text x="{across:.1f}" y="{up - 6:.1f}" font-size="9">{y:.3g}</text>')
        parts.append(f'<text x="{across:.1f}" y="{SIDE + 14}" font-size="9">{x:g}</text>')
    return [*parts, f'<polyline points="{" ".join(spots)}" fill="none" stroke="#06c"/>']
