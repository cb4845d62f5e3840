"""Notices that nothing comes from a peer any more: phone or network are gone, and no BYE came.

What counts is that packets come, not what is in them: RTP of any kind, digits and comfort noise
too. A peer that has said in its SDP that it leaves silence out is believed: of such a one RTCP
reports count as well. Nothing is expected of a peer that is on hold, or that only listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop

# A look costs some 7 µs; so many a limit are enough to be right within a few seconds.
LOOKS_PER_LIMIT = 6
SHORTEST_INTERVAL_S = 0.25
LONGEST_INTERVAL_S = 5.0


class SilenceWatch:
    """Counts the time since the last packet of one call; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        limit_s: float,
        *,
        packets: Callable[[], int | None],
        prompt: Callable[[], object | None],
        too_long: Callable[[float], None],
    ) -> None:
        """Begin to watch.

        `packets` counts what was heard, None while nothing is to be expected; `prompt` is what is
        played to the peer now, which is not cut off: the peer may hear us though we don't hear him.
        `too_long` is called once, with the limit.
        """
        self._loop = loop
        self._limit_s = limit_s
        self._packets = packets
        self._prompt = prompt
        self._too_long = too_long
        self._interval_s = max(
            SHORTEST_INTERVAL_S, min(LONGEST_INTERVAL_S, limit_s / LOOKS_PER_LIMIT)
        )
        self._last: int | None = None
        self._silent_since = loop.clock.now()
        self._spared: object | None = None
        self._timer = loop.call_later(self._interval_s, self._look)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self) -> None:
        heard, now = self._packets(), self._loop.clock.now()
        if heard is None or heard != self._last:
            self._last, self._silent_since, self._spared = heard, now, None
        elif now - self._silent_since >= self._limit_s and not self._spares_prompt():
            self._too_long(self._limit_s)
            return
        self._timer = self._loop.call_later(self._interval_s, self._look)

    def _spares_prompt(self) -> bool:
        """Tell whether to wait for the end of the prompt; the next one is not waited for."""
        prompt = self._prompt()
        if prompt is not None and self._spared is None:
            self._spared = prompt
        return prompt is not None and prompt is self._spared
