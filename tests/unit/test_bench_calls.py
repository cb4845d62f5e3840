"""What the benchmarks count: answers that are none, and calls that were not up, do not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bench.builds import Build
from bench.many_calls import Crowd
from bench.options import pings
from bench.tone_files import tone_hz
from bench.workshop import Workshop
from support.phone import Phone
from support.phone.phone import response_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.phone.message import Message

WATCHED_S = 10.0
WHOLE = 540  # packets: also before what was watched, and after it


class Refusing(Phone):
    """Answers the third OPTIONS and those after it with 503, as the gateway where they are many."""

    asked = 0

    def _take_request(self, message: Message, address: tuple[str, int]) -> None:
        self.asked += 1
        status = (200, "OK") if self.asked < 3 else (503, "Service Unavailable")
        self.answer_request(message, address, response_to(message, *status))


def test_a_refusal_is_no_answer_to_options() -> None:
    with Refusing("busy") as busy, Phone("pinger") as pinger:
        address = ("127.0.0.1", busy.port)
        took_ms = pings(pinger, address, lambda done: done < 2, every_s=0)
        assert len(took_ms) == 2
        with pytest.raises(AssertionError, match="answered with 503"):
            pings(pinger, address, lambda done: done < 2, every_s=0)


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, 2),
        ({"heard": [(WHOLE, 0), (50, 0)]}, 1),  # it fell silent after a second
        ({"heard": [(WHOLE, 0), (WHOLE, 1)]}, 1),
        ({"ended_early": frozenset({0})}, 1),
        ({"tone_hz": lambda _: tone_hz(0)}, 1),  # it heard another one's prompt
    ],
)
def test_a_call_that_was_not_up_for_all_that_was_watched_does_not_count(
    changed: Mapping[str, Any], good: int
) -> None:
    fine = {"heard": [(WHOLE, 0), (WHOLE, 0)], "ended_early": frozenset[int](), "tone_hz": tone_hz}
    shop = Workshop(Build("source", "python"), Path(), is_quick=False)
    board: Any = SimpleNamespace(**{**fine, **changed})

    assert Crowd(shop, 2, WATCHED_S, board).good() == good
