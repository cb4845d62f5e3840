"""Wrong codes are counted by caller and account, across calls and time."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hasip.calls.pin_guard import (
    ACCOUNT_FACTOR,
    FORGET_AFTER_S,
    FORGET_LOCKS_AFTER_S,
    MOST_CALLERS,
    PinGuard,
)
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCKOUT_S = 60.0
DAY_S = 86_400.0
SECURITY = Path(__file__).parents[2] / "SECURITY.md"


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
    assert house.guard.locked_for_s(1, "555") == 2 * LOCKOUT_S


def test_a_caller_is_counted_on_all_accounts_together_and_others_apart() -> None:
    house = Guard()

    assert [house.wrong("555", 1), house.wrong("556", 1), house.wrong("555", 2)] == [False] * 3
    assert house.guard.attempts("555") == 2
    assert house.wrong("555", 3)

    assert [house.guard.is_locked(account, "555") for account in (1, 2, 3, 4)] == [True] * 4
    assert not house.guard.is_locked(1, "556")


def test_a_code_of_one_account_gives_no_new_tries_on_another() -> None:
    house = Guard()

    for _ in range(2):
        assert not house.wrong("555", 2)
        house.guard.right(1, "555")
    assert house.wrong("555", 2)


def test_a_resident_whose_number_is_forged_is_no_way_round_the_limits() -> None:
    """Wrong codes under a known number lock that number, each time for longer."""
    house = Guard()
    house.guard.right(1, "resident")

    locks = []
    for _ in range(4):
        house.wrong("resident")
        house.wrong("resident")
        assert house.wrong("resident")
        locks.append(house.guard.locked_for_s(1, "resident"))
        house.clock.advance(locks[-1] + 0.1)
    assert locks == [LOCKOUT_S, 2 * LOCKOUT_S, 4 * LOCKOUT_S, 8 * LOCKOUT_S]


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


def test_a_caller_who_waits_an_hour_is_locked_for_longer_all_the_same() -> None:
    house = Guard()

    locks = []
    for pause_s in (FORGET_AFTER_S, FORGET_AFTER_S, FORGET_LOCKS_AFTER_S, 0.0):
        while not house.wrong():
            pass
        locks.append(house.guard.locked_for_s(1, "555") / LOCKOUT_S)
        house.clock.advance(locks[-1] * LOCKOUT_S + pause_s + 1)
    assert locks == [1, 2, 4, 1]


def test_attempts_says_what_the_next_wrong_code_is_added_to() -> None:
    """A code that was typed while the lock began on another call is forgotten after the lock."""
    house = Guard()
    for _ in range(4):
        house.wrong()
    house.clock.advance(FORGET_AFTER_S + LOCKOUT_S / 2)

    assert house.guard.attempts("555") == 1
    assert [house.wrong(), house.wrong()] == [False, True]
    house.wrong()
    house.clock.advance(FORGET_AFTER_S + 2 * LOCKOUT_S + 1)
    assert house.guard.attempts("555") == 0


def wrong_codes(callers: Iterator[str], rests_before: int | None) -> tuple[int, int]:
    """Return how many codes a guesser may try in the first day, and in the seventh.

    He begins again as soon as he is not locked out; with `rests_before`, he waits before the code
    of that number until all are forgotten.
    """
    house = Guard()
    house.guard.right(1, "resident")
    days = [0] * 7
    since_rest = 0
    begun_at = house.clock.now()
    while (day := int((house.clock.now() - begun_at) / DAY_S)) < len(days):
        caller = next(callers)
        if since_rest + 1 == rests_before:
            house.clock.advance(FORGET_AFTER_S + 1)
            since_rest = 0
        elif house.guard.is_locked(1, caller):
            house.clock.advance(house.guard.locked_for_s(1, caller))
            since_rest = 0
        else:
            days[day] += 1
            since_rest += 1
            house.wrong(caller)
    return days[0], days[-1]


@pytest.mark.parametrize(
    ("who", "limit"), [("ever new numbers", 3 * ACCOUNT_FACTOR), ("a resident's number", 3)]
)
def test_so_many_codes_a_day_may_be_tried_as_security_says(who: str, limit: int) -> None:
    def callers() -> Iterator[str]:
        new = (f"forged {number}" for number in itertools.count())
        return itertools.repeat("resident") if limit == 3 else new

    at_once = wrong_codes(callers(), None)
    patient = wrong_codes(callers(), limit)
    said = f"{who}: {at_once[0]} in the first day, {at_once[1]} in each after"
    print(f"{said}; with rests {patient[0]} and {patient[1]}")

    assert max(patient) < min(at_once)
    assert said in SECURITY.read_text(encoding="utf-8").replace("\n", " ")
