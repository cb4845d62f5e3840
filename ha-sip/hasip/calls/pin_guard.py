"""Slows down the guessing of PINs, across calls: hanging up after two tries does not start over.

A caller is counted on all accounts together: another line of the same house is no other house.
A caller's number can be forged, and be another for each guess. So the wrong codes of an account are
counted too, of all callers who never typed a right one; those who did are not locked out with them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import field
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from hasip.clock import Clock

# Wrong codes are forgotten so long after the last,
FORGET_AFTER_S = 3_600.0
# and how often there was a lock later: who waits for an hour now and then gains nothing by it.
FORGET_LOCKS_AFTER_S = 86_400.0
# Somebody may call from ever new numbers; the one not heard of for longest is forgotten then.
MOST_CALLERS = 10_000
# So many times a caller's limit is an account's.
ACCOUNT_FACTOR = 4
# A lock lasts twice as long each time, at most so long.
LONGEST_LOCK_S = 3_600.0


@dataclass(slots=True)
class _Tally:
    """The wrong codes of a caller, or of all unknown callers of an account."""

    wrong: Counter[int] = field(default_factory=Counter)  # by account
    last_at: float = 0.0
    locked_until: float = 0.0
    locks: int = 0

    def forget(self, now: float) -> None:
        """Forget what is long ago."""
        quiet_s = now - max(self.last_at, self.locked_until)
        if quiet_s > FORGET_AFTER_S:
            self.wrong.clear()
        if quiet_s > FORGET_LOCKS_AFTER_S:
            self.locks = 0

    def count(self, account: int, now: float, most: int, lockout_s: float) -> bool:
        """Count a wrong code; tell whether it was one too many."""
        self.forget(now)
        self.wrong[account] += 1
        self.last_at = now
        if self.wrong.total() < most:
            return False
        self.wrong.clear()
        self.locked_until = now + _lock_s(lockout_s, self.locks)
        self.locks += 1
        return True


class PinGuard:
    """Counts wrong codes by account and caller; loop thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callers: OrderedDict[str, _Tally] = OrderedDict()
        self._accounts: dict[int, _Tally] = {}
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()

    def wrong(self, account: int, caller: str, max_attempts: int, lockout_s: float) -> bool:
        """Count a wrong code; tell whether it was one too many, and the caller is locked out."""
        now = self._clock.now()
        mine = self._callers.setdefault(caller, _Tally())
        self._callers.move_to_end(caller)
        while len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        is_locked = mine.count(account, now, max_attempts, lockout_s)
        if (account, caller) in self._known:
            return is_locked
        all_of_account = self._accounts.setdefault(account, _Tally())
        most = max_attempts * ACCOUNT_FACTOR
        return all_of_account.count(account, now, most, lockout_s) or is_locked

    def right(self, account: int, caller: str) -> None:
        """Forget the wrong codes of a caller who knows a right one, on that account only.

        Who may open the garage must not get any number of tries for the front door by it.
        """
        mine = self._callers.get(caller)
        slips = 0 if mine is None else mine.wrong.pop(account, 0)
        if mine is not None and not mine.wrong:
            mine.locks = 0
        record = self._accounts.get(account)
        if record is not None and (account, caller) not in self._known:
            record.wrong[account] = max(0, record.wrong[account] - slips)
        self._known[account, caller] = None
        self._known.move_to_end((account, caller))
        while len(self._known) > MOST_CALLERS:
            self._known.popitem(last=False)

    def attempts(self, caller: str) -> int:
        """Count the wrong codes that a caller's next one adds to."""
        record = self._callers.get(caller)
        if record is None:
            return 0
        record.forget(self._clock.now())
        return record.wrong.total()

    def is_locked(self, account: int, caller: str) -> bool:
        """Tell whether a caller must wait."""
        return self.locked_for_s(account, caller) > 0

    def locked_for_s(self, account: int, caller: str) -> float:
        """Return how long a caller must wait."""
        mine = self._callers.get(caller)
        until = 0.0 if mine is None else mine.locked_until
        if (account, caller) not in self._known and account in self._accounts:
            until = max(until, self._accounts[account].locked_until)
        return max(0.0, until - self._clock.now())


def _lock_s(lockout_s: float, locks: int) -> float:
    """Return how long the next lock lasts; a time that is wanted longer than our longest stays."""
    return max(lockout_s, min(lockout_s * 2.0 ** min(locks, 30), LONGEST_LOCK_S))
