"""Parts around a gateway fail, one after the other, while people telephone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from support.chaos.trial import run

if TYPE_CHECKING:
    from pathlib import Path

SEED = 8
LASTS_S = 1.5
# A few of all; `./build.sh chaos` has the others as well.
FAULTS = (
    "the registrar hangs",
    "the clock jumps 10 h back",
    "the name server is gone",
    "the disk is full",
    "the cable is pulled",
)


def test_after_a_fault_all_works_again_within_its_time(tmp_path: Path) -> None:
    """Calls with a PIN, dialling, registrations, events in order, the broker, health."""
    trial = run(tmp_path, rounds=1, seed=SEED, lasts_s=LASTS_S, python=sys.executable, only=FAULTS)

    assert set(trial.figures) == set(FAULTS)
