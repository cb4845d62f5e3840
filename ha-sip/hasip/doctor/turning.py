"""Turns the loop for as long as a step takes, so that a doctor can do one thing after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop

LOOK_EVERY_S = 0.02


def turn_until(loop: Loop, holds: Callable[[], bool], within_s: float) -> bool:
    """Run the loop until a condition holds or the time is over; tells whether it holds."""
    ends_at = loop.clock.now() + within_s

    def look() -> None:
        if holds() or loop.clock.now() >= ends_at:
            loop.stop()
        else:
            loop.call_later(LOOK_EVERY_S, look)

    loop.call_later(0, look)
    loop.run()
    return holds()
