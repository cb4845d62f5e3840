"""Curves as a picture: both axes logarithmic, so that what grows linearly rises by 45 degrees."""

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
    width = math.log10(curve.points[-1].at / curve.points[0].at)
    lowest = max(LEAST, min(point.median for point in curve.points))
    slopes = f"exponent {curve.exponent:.2f}, between the last two {curve.last_exponent:.2f}"
    parts = [
        f'<text y="-26">{curve.name}, {curve.unit}</text>',
        f'<text y="-12" font-size="9">{slopes}</text>',
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<path d="M0 {SIDE}L{SIDE} 0" stroke="#ccc" stroke-dasharray="4"/>',
    ]
    spots = []
    for point in curve.points:
        across = SIDE * math.log10(point.at / curve.points[0].at) / width
        up = SIDE - SIDE * math.log10(max(point.median, LEAST) / lowest) / width
        spots.append(f"{across:.1f},{up:.1f}")
        shown = f"{point.median:.3g}"
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="#06c"/>')
        parts.append(f'<text x="{across:.1f}" y="{up - 6:.1f}" font-size="9">{shown}</text>')
        parts.append(f'<text x="{across:.1f}" y="{SIDE + 14}" font-size="9">{point.at:g}</text>')
    return [*parts, f'<polyline points="{" ".join(spots)}" fill="none" stroke="#06c"/>']
