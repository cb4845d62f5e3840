"""The floor: a program that does the main work with pjsua2 and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from support.gateway import PACKAGE_DIR
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = Path(__file__).with_name("bare_program.py")
# What the gateway loads to talk to Home Assistant, and in the same way.
FOR_HOME_ASSISTANT = ("hasip.homeassistant.lean_requests", "websockets.sync.client")


class BareProgram:
    """Takes calls, makes them on a line of stdin, plays a file, and reports digits by HTTP."""

    def __init__(self, python: str, http_port: int = 0, modules: Sequence[str] = ()) -> None:
        """`modules` are loaded, and not used."""
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.uri = f"sip:house@127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [python, str(PROGRAM), str(self.port), str(http_port), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR)},
        )

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Wait until it is up."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == b"ready\n":
                return self
        raise AssertionError("the bare program did not start")

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def command(self, command: Mapping[str, Any]) -> None:
        """Have it make a call to `number`, in which `wav` is played, if that is there.

        Without `number`, `wav` is for those who call in from now on.
        """
        self.write(json.dumps(command).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Write bytes to stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()
