"""Two processes run the tests beside each other, each a lane; this keeps them apart.

`lanes.py` starts them, `lane_plugin.py` is in each. Each has half of the ports. A test that is
marked `alone` measures, or loads the machine: no test of the other lane is run meanwhile. What runs
in pools (`together.py`) goes on, since it mostly waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LANES = 2
VARIABLE = "TEST_LANE"  # a folder that the lanes share, and the lane's number


class Lane:
    """One of the processes."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder
        self._counts = folder / f"counts-{number}"

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment by which a process, and what it runs, know their lane."""
        return {VARIABLE: str(self._folder / str(self.number))}

    def part_of(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return the part of these numbers that is this lane's."""
        size = len(numbers) // LANES
        return numbers[self.number * size : (self.number + 1) * size]

    def write_counts(self, counts: Mapping[str, int]) -> None:
        """Write down how many tests passed, failed and so on."""
        self._counts.write_text(json.dumps(counts), encoding="utf-8")

    def counts(self) -> dict[str, int]:
        """Return what was written down; nothing if the process did not come to its end."""
        try:
            counts: dict[str, int] = json.loads(self._counts.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return counts

    @contextlib.contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait until a test may run, and be in its room for the length of a block.

        Who is alone keeps the gate to the room: else he would wait for ever while others, of whom
        many are let in, come and go.
        """
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        with self._holding("gate") as gate, self._holding("room", kind):
            if not alone:
                fcntl.flock(gate, fcntl.LOCK_UN)
            yield

    @contextlib.contextmanager
    def _holding(self, name: str, kind: int = fcntl.LOCK_EX) -> Iterator[IO[bytes]]:
        with (self._folder / name).open("wb") as file:
            fcntl.flock(file, kind)
            try:
                yield file
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # a child that was just forked has it open, too


def own_lane() -> Lane | None:
    """Return the lane that this process is in; None if it is the only one."""
    path = os.environ.get(VARIABLE)
    return Lane(Path(path).parent, int(Path(path).name)) if path else None
