"""What the soak judges by: events of a call, and the slope of a figure."""

from __future__ import annotations

import random

import pytest

from soak.events import Expected, event_faults
from soak.growth import slope

EXPECTED = Expected(("incoming_call", "call_established", "dtmf_digit", "call_disconnected"))
WELL = list(EXPECTED.names)


@pytest.mark.parametrize(
    "seen",
    [
        WELL,
        ["incoming_call", "call_established", "playback_done", "dtmf_digit", "call_disconnected"],
    ],
)
def test_a_full_set_of_events_is_well(seen: list[str]) -> None:
    assert event_faults(seen, EXPECTED) == []


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ([], "call_disconnected is missing (0 of 1)"),
        (WELL[:-1], "call_disconnected is missing (0 of 1)"),
        ([*WELL, "call_disconnected"], "call_disconnected came 2 times, not 1"),
        ([*WELL, "playback_done"], "playback_done came after call_disconnected"),
        ([WELL[1], WELL[0], *WELL[2:]], "the first event is call_established, not incoming_call"),
        ([WELL[0], WELL[2], WELL[1], WELL[3]], "wrong order"),
        ([*WELL[:2], "timeout", *WELL[2:]], "timeout came 1 times, not 0"),
        ([*WELL[:3], "dtmf_digit", WELL[3]], "dtmf_digit came 2 times, not 1"),
    ],
)
def test_what_is_wrong_with_the_events_is_said(seen: list[str], fault: str) -> None:
    assert any(fault in one for one in event_faults(seen, EXPECTED))


def test_single_values_do_not_bend_the_slope() -> None:
    rng = random.Random(1)
    flat = [(float(at), 80 + rng.uniform(-2, 2)) for at in range(300)]
    flat[5:9] = [(at, 400.0) for at, _ in flat[5:9]]
    growing = [(at, value + 0.05 * at) for at, value in flat]

    assert abs(slope(flat)) < 0.003
    assert slope(growing) == pytest.approx(0.05, abs=0.003)
    assert slope(flat[:1]) == 0
