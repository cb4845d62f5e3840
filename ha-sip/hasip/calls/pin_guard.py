"""Slows down the guessing of PINs, across calls: hanging up after two tries does not start over."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hasip.clock import Clock

# Wrong codes are forgotten so long after the last.
FORGET_AFTER_S = 3_600.0
# Somebody may call from ever new numbers; the one not heard of for longest is forgotten then.
MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Record:
    wrong: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0


class PinGuard:
    """Counts wrong codes by account and caller; loop thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[tuple[int, str], _Record] = OrderedDict()

    def wrong(self, account: int, caller: str, max_attempts: int, lockout_s: float) -> bool:
        """Count a wrong code; tell whether it was one too many, and the caller is locked out."""
        now = self._clock.now()
        record = self._records.pop((account, caller), None)
        if record is None or now - record.last_at > FORGET_AFTER_S:
            record = _Record()
        self._records[account, caller] = record
        while len(self._records) > MOST_CALLERS:
            self._records.popitem(last=False)
        record.wrong += 1
        record.last_at = now
        if record.wrong < max_attempts:
            return False
        record.wrong = 0
        record.locked_until = now + lockout_s
        return True

    def right(self, account: int, caller: str) -> None:
        """Forget the wrong codes of a caller who knows a right one."""
        self._records.pop((account, caller), None)

    def is_locked(self, account: int, caller: str) -> bool:
        """Tell whether a caller must wait."""
        record = self._records.get((account, caller))
        return record is not None and self._clock.now() < record.locked_until
