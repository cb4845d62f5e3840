"""Whether something grows: the slope of what was seen over time, whatever single values do."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_POINTS = 400  # the slope looks at each pair of them


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median of the slopes of all pairs (Theil and Sen): outliers don't bend it."""
    step = max(1, len(points) // _MOST_POINTS)
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in itertools.combinations(points[::step], 2)
        if later[0] != earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
