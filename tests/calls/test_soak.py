"""Calls of all kinds at once, a short form of `./build.sh soak`."""

from __future__ import annotations

import re

import pytest

from soak.run import Plan, run
from soak.trips import KINDS
from support.together import Together

pytestmark = pytest.mark.alone

together = Together()
CALLS = 240
SECONDS = 30.0  # at most

# What goes wrong with each call, or once -> how the soak is to tell it.
PLANTS = {
    "memory": "in use, MiB: ",
    "pool": "pools of pjsip after ",
    "descriptor": "descriptors after ",
    "thread": "threads: ",
    "file": "temporary files after ",
    "timer": "timers armed after ",
    "lost": "call_disconnected is missing",
    "twice": r"call_disconnected (came 2 times|of t\d+, after its last)",
}


@together
def test_calls_of_all_kinds_get_all_their_events_and_leave_nothing() -> None:
    outcome = run(Plan("source", CALLS, seed=7, seconds=SECONDS, at_once=10))

    assert outcome.faults == []
    assert outcome.count > CALLS / 4
    assert set(outcome.calls) == {kind.name for kind in KINDS}
    assert outcome.services >= outcome.calls["types a digit"]


@together
def test_what_goes_wrong_on_purpose_is_noticed() -> None:
    plan = Plan(
        "source",
        60,
        seed=7,
        seconds=30,
        at_once=10,
        plants=tuple(PLANTS),
        events_within_s=3,
        nothing_within_s=8,  # some of it never goes; what pjsip keeps has gone after 5 s
    )

    faults = run(plan).faults

    unnoticed = [
        name for name, told in PLANTS.items() if not any(re.search(told, fault) for fault in faults)
    ]
    assert unnoticed == [], faults
