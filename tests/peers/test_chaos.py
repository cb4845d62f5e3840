"""Parts around a gateway fail, one after the other, while people telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.chaos.trial import run
from support.source_build import python_of

if TYPE_CHECKING:
    from pathlib import Path

SEED = 8
LASTS_S = 1.5
# As many as fit into a minute; `./build.sh chaos` has the others as well.
FAULTS = (
    "Home Assistant dies and returns",
    "the broker dies and returns",
    "the registrar hangs",
    "the disk is full",
    "the clock jumps 10 h back",
    "the name server is gone",
    "the cable is pulled",
    "our address changes",
    "kill -9",
)


@pytest.mark.alone
def test_after_a_fault_all_works_again_within_its_time(tmp_path: Path) -> None:
    """Calls with a PIN, dialling, registrations, events in order, the broker, health.

    By the build that ships: the other one's pjsip crashes now and then when it hangs up.
    """
    python = python_of("source")
    trial = run(tmp_path, rounds=1, seed=SEED, lasts_s=LASTS_S, python=python, only=FAULTS)

    assert set(trial.figures) == set(FAULTS)
