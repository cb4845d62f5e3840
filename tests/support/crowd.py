"""Many telephones at once, in a process of their own: what they hear is kept and counted.

They are pjsua2's, built from source: a phone written in Python has not the breath for so many.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

from support.ports import free_port
from support.source_build import source_python

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(__file__).with_name("crowd_program.py")


class Heard(TypedDict):
    """What one of the phones got; its audio is in the file `NAME.wav`."""

    name: str
    packets: int
    lost: int
    discarded: int
    at_once: int  # calls that were up at that moment


class Crowd:
    """Phones that answer at `sip:NAME@127.0.0.1:PORT`, listen for a while, and hang up."""

    def __init__(self, folder: Path, calls: int, listen_s: float) -> None:
        """Take so many calls; each phone's audio goes into `folder`."""
        self.port = free_port()
        arguments = [str(self.port), str(folder), str(calls), str(listen_s)]
        self._process = subprocess.Popen(
            [source_python(), str(PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        """Wait until they are there."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == "ready\n":
                return self
        raise AssertionError("the crowd did not come")

    def __exit__(self, *_: object) -> None:
        """Go."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def uri(self, name: str) -> str:
        """Return a phone's address."""
        return f"sip:{name}@127.0.0.1:{self.port}"

    def wait_heard(self, timeout_s: float) -> Sequence[Heard]:
        """Wait until all have hung up; returns what each got."""
        said, _ = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, said[-3000:]
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]
