"""The comparison of codes: by what, and of how many."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from hasip.calls.codes import behind
from support.call_player import CallPlayer
from support.menus import menu_tree

CODES = {"1234": "owner", "5678": "guest", "9999": "cleaner"}


@pytest.mark.parametrize(
    ("typed", "found"), [("1234", "owner"), ("9999", "cleaner"), ("1235", None), ("12", None)]
)
def test_what_is_behind_a_code(typed: str, found: str | None) -> None:
    assert behind(typed, CODES) == found


@pytest.mark.parametrize("typed", ["1234", "9999", "0000"])
def test_each_digit_of_a_code_in_a_call_is_compared_with_all_codes_by_compare_digest(
    typed: str,
) -> None:
    """Right or wrong, the first or the last: with all three, at each of its digits."""
    call = CallPlayer(
        menu_tree(
            choices_are_pin=True,
            choices={**{code: {} for code in CODES}, "default": {"id": "wrong"}},
        )
    )
    call.connect()
    used: list[str] = []

    def spy(_: object, what: str, used_now: Any) -> None:
        if what == "c_call" and used_now.__name__ == "_compare_digest":
            used.append(used_now.__name__)

    sys.setprofile(spy)
    try:
        call.type(typed)
    finally:
        sys.setprofile(None)

    assert len(used) == len(CODES) * len(typed)
