"""What the soak judges by: events of a call, what is left at rest, and the slope of a figure."""

from __future__ import annotations

import random

import pytest

from soak import judge
from soak.events import Expected, event_faults
from soak.growth import slope
from soak.run import Plan

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


def test_a_long_run_has_as_many_rests_as_are_wanted_and_a_short_one_has_one() -> None:
    assert Plan(calls=6_500).parts == 3
    assert Plan(calls=6_500, rests=13).parts == 13
    assert Plan(calls=240, rests=13).parts == 1


BEFORE = dict.fromkeys(
    (*judge.BACK_TO_START, "memory, MiB", "in use, MiB", "threads", "objects"), 9.0
)


@pytest.mark.parametrize("name", judge.BACK_TO_START)
def test_one_that_stays_is_told_and_one_less_is_not(name: str) -> None:
    assert judge.rest_faults(BEFORE, [(240, BEFORE | {name: 8.0})]) == []
    assert judge.rest_faults(BEFORE, [(80, BEFORE), (240, BEFORE | {name: 10.0})]) == [
        f"{name} after 240 calls: 10, and 9 before"
    ]


@pytest.mark.parametrize(("name", "most"), judge.MOST_MORE.items())
def test_a_short_run_may_leave_so_much_and_no_more(name: str, most: float) -> None:
    assert judge.short_run_faults(BEFORE, BEFORE | {name: 9.0 + most}) == []
    (fault,) = judge.short_run_faults(BEFORE, BEFORE | {name: 9.0 + most + 0.1})
    assert fault.startswith(f"{name}: ")


def test_a_short_run_finds_20_kib_of_each_of_its_calls() -> None:
    leaked_mib = 240 * 20 / 1024

    assert judge.short_run_faults(BEFORE, BEFORE | {"in use, MiB": 9.0 + leaked_mib})


@pytest.mark.parametrize("name", judge.MOST_MEMORY_PER_1000)
def test_of_a_long_run_memory_at_the_first_and_last_rest_is_compared(name: str) -> None:
    noise, rise = judge.NOISE_MIB[name], judge.MOST_MEMORY_PER_1000[name]

    def faults(more: float) -> list[str]:
        return judge.memory_faults(
            [(1_000, BEFORE), (2_000, BEFORE | {name: 99.0}), (3_000, BEFORE | {name: 9.0 + more})]
        )

    assert faults(noise + 2 * rise - 0.01) == []
    assert len(faults(noise + 2 * rise + 0.01)) == 1


@pytest.mark.parametrize(("name", "most"), judge.MOST_PER_1000.items())
def test_what_rises_too_fast_is_told(name: str, most: float) -> None:
    flat = dict.fromkeys(judge.MOST_PER_1000, 0.0)

    assert judge.rise_faults(flat | {name: most}) == []
    assert len(judge.rise_faults(flat | {name: 1.1 * most})) == 1
