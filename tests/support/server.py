"""A server as a process of its own that can be stopped and started again."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_running: set[subprocess.Popen[bytes]] = set()


class Server:
    """Runs a command that is up once it takes TCP connections on its port."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        host: str = "127.0.0.1",
        *,
        environment: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.port = port
        self.address = (host, port)
        self.log = log
        self._command = command
        self._environment = environment  # instead of ours
        self._patience_s = patience_s
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
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # which makes a group of it and its children
            )
            _running.add(self._process)
        what = f"{self._command[0]} listens; its log is {self.log}"
        try:
            wait_until(self._listens, what, self._patience_s)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop; it forgets what it knew."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            _kill_all(process)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            _kill_all(process)

    @property
    def is_there(self) -> bool:
        """Tell whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the number of its process."""
        assert self._process is not None
        return self._process.pid

    def must_live(self) -> None:
        """Raise an error with the end of the log if it is not there."""
        if not self.is_there:
            log = self.log.read_text(encoding="utf-8", errors="replace")
            msg = f"{self._command[0]} is not there:\n{log[-3000:]}"
            raise AssertionError(msg)

    def _listens(self) -> bool:
        self.must_live()
        with contextlib.suppress(OSError), socket.create_connection(self.address, 0.2):
            return True
        return False


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """End it and its children, which it may have left behind."""
    _running.discard(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@atexit.register
def _kill_those_left() -> None:
    """End those of threads that were given up, by Ctrl-C for example."""
    for process in list(_running):
        _kill_all(process)
