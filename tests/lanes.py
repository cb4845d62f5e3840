"""Run all tests in two processes beside each other, since most of the time they wait.

What the first says is seen at once, what the second says follows when the first has ended. Exits
with 0 if both did so and some test passed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING

from support.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ROOT = Path(__file__).parents[1]
FOLDERS = (("tests/unit", "tests/calls"), ("tests/peers",))
LOOK_EVERY_S = 0.2


class Runs:
    """A pytest for each lane."""

    def __init__(self, folder: Path, what: Sequence[Sequence[str]], output: IO[bytes]) -> None:
        """Run what each is to run; the last one's output goes to a file."""
        self.lanes = [Lane(folder, number) for number, _ in enumerate(what)]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._is_told_to_end = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        for lane, folders in zip(self.lanes, what, strict=True):
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "pytest", *folders],
                    cwd=ROOT,
                    env=os.environ | lane.variables,
                    stdin=subprocess.DEVNULL,
                    stdout=output if lane is self.lanes[-1] else None,
                    stderr=subprocess.STDOUT,
                    process_group=0,  # Ctrl-C is ours to pass on
                )
            )
        if self._is_told_to_end:  # to those that were there by then
            self._end()

    def follow(self, output: IO[bytes]) -> None:
        """Wait for all; shows what the last one says once the others have ended."""
        *others, last = self._processes
        for process in others:
            process.wait()
        while last.poll() is None:
            show(output.read())
            time.sleep(LOOK_EVERY_S)
        show(output.read())
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind, if it was interrupted

    def summary(self) -> tuple[int, str]:
        """Return the exit code, and how many tests ended how."""
        counts = sum((Counter(lane.counts()) for lane in self.lanes), Counter[str]())
        codes = [process.wait() for process in self._processes]
        text = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no tests"
        if any(codes):
            return 1, f"{text}; exit codes {', '.join(map(str, codes))}"
        return int(not counts["passed"]), text

    def _end(self, *_: int | FrameType | None) -> None:
        """Have each end what it runs, servers too; at the second time, at once."""
        for process in self._processes:
            if process.poll() is None and self._is_told_to_end:
                os.killpg(process.pid, signal.SIGKILL)
            elif process.poll() is None:
                process.send_signal(signal.SIGINT)
        self._is_told_to_end = True


def show(data: bytes) -> None:
    """Write to where the first lane writes."""
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def main(folders: list[str]) -> int:
    """Run all tests, or those of other folders, one for each lane."""
    what = [(folder,) for folder in folders] or FOLDERS
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ha-sip-lanes-") as folder:
        output = Path(folder) / "output"
        with output.open("wb") as written:
            runs = Runs(Path(folder), what, written)
        with output.open("rb") as said:
            runs.follow(said)
        code, text = runs.summary()
    print(f"All tests, in two lanes: {text} in {time.monotonic() - began:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
