"""Calls of all kinds at once, a short form of `./build.sh soak`."""

from __future__ import annotations

from soak.run import Plan, run
from soak.trips import KINDS

CALLS = 240
SECONDS = 30.0  # at most


def test_calls_of_all_kinds_get_all_their_events_and_leave_nothing() -> None:
    outcome = run(Plan("source", CALLS, seed=7, seconds=SECONDS, at_once=10))

    assert outcome.faults == []
    assert outcome.count > CALLS / 4
    assert set(outcome.calls) == {kind.name for kind in KINDS}
    assert outcome.services >= outcome.calls["types a digit"]
