"""Curves as a picture: both axes logarithmic; the dashed line is how linear growth rises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.curve import LEAST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.curve import Curve

SIDE, MARGIN, COLUMNS = 200, 50, 3


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
    """Draw one: as high as it is wide, in powers of ten, or higher where the curve is."""
    width = math.log10(curve.points[-1].at / curve.points[0].at)
    values = [max(point.median, LEAST) for point in curve.points]
    lowest = min(values)
    height = max(width, math.log10(max(values) / lowest))
    linear = SIDE - SIDE * width / height
    parts = [
        f'<text y="-26">{curve.name}, {curve.unit}</text>',
        f'<text y="-12" font-size="9">{curve.slopes}</text>',
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<path d="M0 {SIDE}L{SIDE} {linear:.1f}" stroke="#ccc" stroke-dasharray="4"/>',
    ]
    spots = []
    for point, value in zip(curve.points, values, strict=True):
        across = SIDE * math.log10(point.at / curve.points[0].at) / width
        up = SIDE - SIDE * math.log10(value / lowest) / height
        spots.append(f"{across:.1f},{up:.1f}")
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="#06c"/>')
        shown = f"{point.median:.3g}"
        parts.append(f'<text x="{across:.1f}" y="{up - 6:.1f}" font-size="9">{shown}</text>')
        parts.append(f'<text x="{across:.1f}" y="{SIDE + 14}" font-size="9">{point.at:g}</text>')
    return [*parts, f'<polyline points="{" ".join(spots)}" fill="none" stroke="#06c"/>']
