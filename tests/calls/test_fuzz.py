"""Broken input of every kind: the gateway lives, answers, and keeps no call and no memory of it.

`./build.sh fuzz` goes on for as long as one wants, and with other seeds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fuzz.run import Plan, run
from fuzz.surfaces import ALL
from support.source_build import source_python

SECONDS = 4  # for each
AT_ONCE = 4  # most of the time goes by with waiting for transactions to end
SEED = 1


@pytest.mark.timeout(240)
def test_broken_input_ends_nothing_and_stays_nowhere() -> None:
    """On the build that we ship: the wheel has assertions compiled in, and ends at them."""
    plan = Plan(SECONDS, SEED, python=source_python())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda surface: run(surface, plan), ALL))
    for outcome in outcomes:
        print(outcome.row())

    assert [outcome.surface for outcome in outcomes if outcome.tried == 0] == []
    faults = [f"{outcome.surface}: {fault}" for outcome in outcomes for fault in outcome.faults]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("surface", ALL)
def test_an_input_is_made_again_by_its_seed_and_number(surface: type) -> None:
    first, again, other = (
        surface.input(surface.__new__(surface), seed, 7) for seed in (SEED, SEED, SEED + 1)
    )

    assert first == again
    assert first != other
