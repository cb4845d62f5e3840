"""A small parent that starts the gateway again after a crash, or when it hangs.

It forks before anything large is loaded, so it costs little beside its child, and a child has not
to start Python again. It reads nothing: standard input belongs to the child, and whatever was not
read when one child died is read by the next.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from hasip.scratch import ScratchFolder
from hasip.watch.probe import SOCKET_VARIABLE, WELL, ask
from hasip.watch.starting import Start

OPTION = "--restart"
# The child ended as it wanted to; to start it again would change nothing.
FINAL_CODES = (0, 2)
# So often it is asked, and so long an answer is waited for; its own words come after 3 s.
ASK_EVERY_S = 3.5
# So many bad answers in a row, and it is killed: 15 s after it began to hang, at the latest.
MOST_BAD_ANSWERS = 3
# A start takes a second; a slow computer that has other work to do may take far longer, and to be
# killed would not make it faster. The image's HEALTHCHECK gives a start as long.
START_WITHIN_S = 120.0
STOP_WITHIN_S = 8.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
# After so long it was well, and its next crash is the first again.
WELL_AFTER_S = 60.0
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_SIGNALS = _STOP_SIGNALS | {signal.SIGCHLD}


def keep_running() -> int | None:
    """Fork and watch: returns None in each child, which goes on, and the exit code in the parent.

    Must be called before there are threads.
    """
    folder = None
    if SOCKET_VARIABLE not in os.environ:
        folder = ScratchFolder()
        os.environ[SOCKET_VARIABLE] = f"{folder.path}/health.sock"
    code = _watch_children(os.environ[SOCKET_VARIABLE])
    if code is not None and folder is not None:
        folder.remove()
    return code


def _watch_children(path: str) -> int | None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pause_s = FIRST_PAUSE_S
    while True:
        started = time.monotonic()
        sys.stdout.flush()
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - of a child that was killed
        start = Start()
        child = os.fork()
        if child == 0:
            start.is_mine()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return None
        start.watch()
        ending = _Child(child, path, start).watch()
        start.close()
        if ending.was_told_to or ending.code in FINAL_CODES:
            return ending.code
        if time.monotonic() - started > WELL_AFTER_S:
            pause_s = FIRST_PAUSE_S
        _say(f"ha-sip ended ({ending.how}); it starts again in {pause_s:g} s")
        if signal.sigtimedwait(_STOP_SIGNALS, pause_s):
            return 0
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class _Ending:
    """How a child ended."""

    def __init__(self, status: int, *, was_told_to: bool) -> None:
        self.was_told_to = was_told_to
        code = os.waitstatus_to_exitcode(status)
        # A signal is a negative code; a shell would show it like this.
        self.code = code if code >= 0 else 128 - code
        self.how = f"exit code {code}" if code >= 0 else f"signal {-code}"


class _Child:
    """A gateway that runs."""

    def __init__(self, pid: int, socket: str, start: Start) -> None:
        self._pid = pid
        self._socket = socket
        self._start = start
        self._start_by = time.monotonic() + START_WITHIN_S
        self._has_started = False
        self._bad_answers = 0
        self._ask_at = time.monotonic() + ASK_EVERY_S
        self._kill_at: float | None = None  # it was told to stop

    def watch(self) -> _Ending:
        """Wait for its end; pass on what it is told, and kill it where it hangs."""
        while True:
            wait_s = max(0.0, self._ask_at - time.monotonic())
            got = signal.sigtimedwait(_SIGNALS, wait_s)
            if got is not None and got.si_signo in _STOP_SIGNALS:
                os.kill(self._pid, signal.SIGTERM)
                self._kill_at = self._kill_at or time.monotonic() + STOP_WITHIN_S
            status = self._reap()
            if status is not None:
                return _Ending(status, was_told_to=self._kill_at is not None)
            if self._kill_at is not None:
                self._ask_at = time.monotonic() + ASK_EVERY_S
                if time.monotonic() > self._kill_at:
                    os.kill(self._pid, signal.SIGKILL)
            elif got is None:
                self._ask_at = time.monotonic() + ASK_EVERY_S
                self._ask()

    def _reap(self) -> int | None:
        """Return the child's status if it has ended; in a container, others are ours as well."""
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._pid:
                    return found[1]
        except ChildProcessError:
            return 0
        return None

    def _ask(self) -> None:
        self._has_started = self._has_started or self._start.is_over()
        if not self._has_started:
            if time.monotonic() > self._start_by:
                self._kill(f"it has not started within {START_WITHIN_S:g} s")
            return
        if not os.path.exists(self._socket):  # noqa: PTH110 - pathlib is large
            return  # it can't be made; the gateway says why
        answer = ask(self._socket, ASK_EVERY_S)
        self._bad_answers = 0 if answer == WELL else self._bad_answers + 1
        if self._bad_answers >= MOST_BAD_ANSWERS:
            self._kill(answer)

    def _kill(self, why: str) -> None:
        _say(f"ha-sip hangs ({why}); it is killed")
        os.kill(self._pid, signal.SIGKILL)
        self._ask_at = time.monotonic() + ASK_EVERY_S  # its end is not asked


def _say(text: str) -> None:
    """Write into the log, as the gateway does."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    print(f"| {stamp}.{int(now % 1 * 1000):03d} ERROR   {text}", flush=True)  # noqa: T201
