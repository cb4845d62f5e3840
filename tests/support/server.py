"""A server as a process of its own that can be stopped and started again."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Server:
    """Runs a command that is up once it takes TCP connections on its port."""

    def __init__(
        self, command: Sequence[str], port: int, log: Path, host: str = "127.0.0.1"
    ) -> None:
        self.port = port
        self.address = (host, port)
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Be there."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.stop()

    def start(self) -> None:
        """Start, and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._listens, f"{self._command[0]} listens; its log is {self._log}")

    def stop(self) -> None:
        """Stop; it forgets what it knew."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            log = self._log.read_text(encoding="utf-8", errors="replace")
            msg = f"{self._command[0]} did not start:\n{log[-3000:]}"
            raise AssertionError(msg)
        with contextlib.suppress(OSError), socket.create_connection(self.address, 0.2):
            return True
        return False
