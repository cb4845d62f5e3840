"""What is found at each point, as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.curve import Curve, Point
from bench.dial import dials
from bench.options import so_many_pings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

Found = dict[str, tuple[str, list[float]]]  # name -> unit, values
PINGS, DIALS = 60, 20


def signalling(shop: Workshop, gateway: GatewayProcess) -> Found:
    """Ask, and dial."""
    return {
        "OPTIONS": ("ms", so_many_pings(shop.less(PINGS), gateway.address)),
        "dial": ("ms", dials(shop.less(DIALS), gateway)),
    }


def curves(shop: Workshop, over: str, found: Mapping[int, Found]) -> Iterator[Curve]:
    """Turn what was found at each point into a curve for each name."""
    for name, (unit, _) in next(iter(found.values())).items():
        points = [Point(at, values[name][1]) for at, values in found.items()]
        yield Curve(f"{over}: {name}", shop.build.name, over, unit, points)
