"""Wrong codes are counted by caller and account, across calls and time."""

from __future__ import annotations

from hasip.calls.pin_guard import ACCOUNT_FACTOR, FORGET_AFTER_S, MOST_CALLERS, PinGuard
from support.fake_clock import FakeClock

LOCKOUT_S = 60.0


class Guard:
    """A guard that allows three tries."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.guard = PinGuard(self.clock)

    def wrong(self, caller: str = "555", account: int = 1) -> bool:
        """Type a wrong code."""
        return self.guard.wrong(account, caller, 3, LOCKOUT_S)


def test_the_third_wrong_code_locks_for_the_time_and_then_counting_starts_over() -> None:
    house = Guard()

    assert [house.wrong(), house.wrong()] == [False, False]
    assert not house.guard.is_locked(1, "555")
    assert house.wrong()
    assert house.guard.is_locked(1, "555")
    house.clock.advance(LOCKOUT_S - 0.1)
    assert house.guard.is_locked(1, "555")
    house.clock.advance(0.2)
    assert not house.guard.is_locked(1, "555")
    assert [house.wrong(), house.wrong(), house.wrong()] == [False, False, True]


def test_callers_and_accounts_are_counted_apart() -> None:
    house = Guard()

    for caller, account in [("555", 1), ("556", 1), ("555", 2)] * 2:
        assert not house.wrong(caller, account)
    assert house.wrong("555", 1)

    assert not house.guard.is_locked(1, "556")
    assert not house.guard.is_locked(2, "555")


def test_a_right_code_and_a_long_time_forget_the_wrong_ones() -> None:
    house = Guard()

    house.wrong()
    house.wrong()
    house.guard.right(1, "555")
    assert [house.wrong(), house.wrong()] == [False, False]
    house.clock.advance(FORGET_AFTER_S + 1)
    assert [house.wrong(), house.wrong(), house.wrong()] == [False, False, True]


def test_a_flood_of_callers_takes_no_more_room() -> None:
    house = Guard()

    house.wrong("first")
    house.wrong("first")
    for number in range(MOST_CALLERS):
        house.wrong(str(number))

    assert not house.wrong("first")  # forgotten, so this is a first try again


def test_a_guesser_with_ever_new_numbers_locks_the_account_but_not_who_knows_a_code() -> None:
    house = Guard()
    house.guard.right(1, "resident")

    tries = [house.wrong(f"forged {number}") for number in range(3 * ACCOUNT_FACTOR)]
    assert tries == [False] * (3 * ACCOUNT_FACTOR - 1) + [True]
    assert house.guard.is_locked(1, "yet another")
    assert not house.guard.is_locked(1, "resident")
    assert not house.guard.is_locked(2, "yet another")
    house.clock.advance(LOCKOUT_S + 0.1)
    assert not house.guard.is_locked(1, "yet another")
    for number in range(3 * ACCOUNT_FACTOR):
        house.wrong(f"more {number}")
    assert house.guard.locked_for_s(1, "yet another") == 2 * LOCKOUT_S


def test_slips_before_a_right_code_do_not_count_for_the_account() -> None:
    house = Guard()

    for number in range(2 * 3 * ACCOUNT_FACTOR):
        assert not house.wrong(f"guest {number}")
        house.guard.right(1, f"guest {number}")
    assert not house.guard.is_locked(1, "somebody")
