"""Digits that come in two ways, by signalling (telephone-event, INFO) and as tones, taken once.

Many peers send both. The tone is found a moment after its event, or an INFO comes after its tone;
whichever is second is dropped.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hasip.clock import Clock

# How much later the second of a pair may come.
SAME_DIGIT_WITHIN_S = 1.0
# How late a tone comes back from a line that sends an echo.
ECHO_WITHIN_S = 0.8


class InbandDtmf(StrEnum):
    """When tones in the audio are taken for digits: `--inband-dtmf`."""

    OFF = "off"
    AUTO = "auto"  # while neither telephone-events were agreed upon nor a digit was signalled
    ON = "on"


class HeardDigits:
    """What one peer has typed; loop thread only."""

    def __init__(self, clock: Clock, mode: InbandDtmf) -> None:
        self._clock = clock
        self._mode = mode
        self._was_signalled = False
        # Those that have come one way only, with the time until which the other may follow.
        self._signalled: deque[tuple[str, float]] = deque()
        self._tones: deque[tuple[str, float]] = deque()
        self._typed_at: dict[str, float] = {}

    def typed_lately(self, digit: str) -> bool:
        """Tell whether a tone of this digit elsewhere may be the echo of what this peer typed."""
        typed_at = self._typed_at.get(digit)
        return typed_at is not None and self._clock.now() - typed_at < ECHO_WITHIN_S

    def wants_tones(self, *, events_agreed: bool) -> bool:
        """Tell whether the audio is to be listened to."""
        if self._mode is InbandDtmf.AUTO:
            return not events_agreed and not self._was_signalled
        return self._mode is InbandDtmf.ON

    def signalled(self, digit: str) -> bool:
        """Take a digit by telephone-event or INFO; tells whether it is a new one."""
        self._was_signalled = True
        return self._is_first(digit, self._tones, self._signalled)

    def tone(self, digit: str) -> bool:
        """Take a digit heard in the audio; tells whether it is a new one."""
        return self._is_first(digit, self._signalled, self._tones)

    def _is_first(
        self, digit: str, others: deque[tuple[str, float]], own: deque[tuple[str, float]]
    ) -> bool:
        now = self._typed_at[digit] = self._clock.now()
        while others and others[0][1] < now:
            others.popleft()
        for at, (other, _) in enumerate(others):
            if other == digit:
                del others[at]
                return False
        own.append((digit, now + SAME_DIGIT_WITHIN_S))
        while own[0][1] < now:
            own.popleft()
        return True
