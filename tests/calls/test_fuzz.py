"""Broken input of every kind: the gateway lives, answers, and keeps no call and no memory of it.

`./build.sh fuzz` goes on for as long as one wants, and with other seeds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fuzz.answers import Callee, Registrar
from fuzz.run import Plan, run
from fuzz.signalling import InDialog, Offers, SipByTcp, SipByTls, SipByUdp
from fuzz.surfaces import ALL
from support.source_build import python_of

if TYPE_CHECKING:
    from fuzz.run import Outcome
    from fuzz.surface import Surface

SECONDS = 4  # for each
AT_ONCE = 6  # most of the time goes by with waiting for transactions to end
SEED = 1
# What pjsip reads: the wheel is another version of it, with assertions compiled in.
BY_PJSIP = (SipByUdp, SipByTcp, SipByTls, InDialog, Offers, Callee, Registrar)


def fuzz(build: str, surface: type[Surface]) -> tuple[str, Outcome]:
    """Return the name of what was fuzzed and what came of it."""
    outcome = run(surface, Plan(SECONDS, SEED, python=python_of(build)))
    return f"{outcome.surface} ({build})", outcome


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_broken_input_ends_nothing_and_stays_nowhere() -> None:
    builds = ["source"] * len(ALL) + ["wheel"] * len(BY_PJSIP)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = dict(pool.map(fuzz, builds, (*ALL, *BY_PJSIP)))
    for name, outcome in outcomes.items():
        print(name, outcome.row())

    assert [name for name, outcome in outcomes.items() if outcome.tried == 0] == []
    faults = [f"{name}: {fault}" for name, outcome in outcomes.items() for fault in outcome.faults]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("surface", ALL)
def test_an_input_is_made_again_by_its_seed_and_number(surface: type) -> None:
    first, again, other = (
        surface.input(surface.__new__(surface), seed, 7) for seed in (SEED, SEED, SEED + 1)
    )

    assert first == again
    assert first != other
