"""Slows down the guessing of PINs, across calls: hanging up after two tries does not start over.

A caller's number can be forged, and be another for each guess. So the wrong codes of an account are
counted too, of all callers who never typed a right one; those who did are not locked out with them.
"""

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
# So many times a caller's limit is an account's; its lock lasts twice as long each time.
ACCOUNT_FACTOR = 4
LONGEST_LOCK_S = 3_600.0


@dataclass(slots=True)
class _Record:
    wrong: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0
    locks: int = 0


class PinGuard:
    """Counts wrong codes by account and caller; loop thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[tuple[int, str], _Record] = OrderedDict()
        self._accounts: dict[int, _Record] = {}
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()

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
        account_locks = self._count_for_account(account, caller, max_attempts, lockout_s)
        if record.wrong < max_attempts:
            return account_locks
        record.wrong = 0
        record.locked_until = now + lockout_s
        return True

    def _count_for_account(
        self, account: int, caller: str, max_attempts: int, lockout_s: float
    ) -> bool:
        if (account, caller) in self._known:
            return False
        now = self._clock.now()
        record = self._accounts.get(account)
        if record is None or now - max(record.last_at, record.locked_until) > FORGET_AFTER_S:
            record = self._accounts[account] = _Record()
        record.wrong += 1
        record.last_at = now
        if record.wrong < max_attempts * ACCOUNT_FACTOR:
            return False
        record.wrong = 0
        record.locked_until = now + min(lockout_s * 2.0**record.locks, LONGEST_LOCK_S)
        record.locks = min(record.locks + 1, 30)
        return True

    def right(self, account: int, caller: str) -> None:
        """Forget the wrong codes of a caller who knows a right one."""
        mine = self._records.pop((account, caller), None)
        record = self._accounts.get(account)
        if mine is not None and record is not None and (account, caller) not in self._known:
            record.wrong = max(0, record.wrong - mine.wrong)  # they were slips
        self._known[account, caller] = None
        self._known.move_to_end((account, caller))
        while len(self._known) > MOST_CALLERS:
            self._known.popitem(last=False)

    def attempts(self, account: int, caller: str) -> int:
        """Count the wrong codes that a caller's next one adds to."""
        record = self._records.get((account, caller))
        if record is None or self._clock.now() - record.last_at > FORGET_AFTER_S:
            return 0
        return record.wrong

    def is_locked(self, account: int, caller: str) -> bool:
        """Tell whether a caller must wait."""
        return self.locked_for_s(account, caller) > 0

    def locked_for_s(self, account: int, caller: str) -> float:
        """Return how long a caller must wait."""
        records = [self._records.get((account, caller))]
        if (account, caller) not in self._known:
            records.append(self._accounts.get(account))
        until = max((record.locked_until for record in records if record is not None), default=0.0)
        return max(0.0, until - self._clock.now())
