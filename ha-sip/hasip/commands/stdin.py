"""Reads commands from standard input, on a thread of its own.

The thread waits for input and for whoever asks whether it still goes on: only the thread itself can
answer that, and while nobody asks and nothing comes it costs nothing.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from typing import TYPE_CHECKING

from hasip.commands.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

_READ_BYTES = 65_536
# Of those who asked a thread that hangs, the last ones are remembered.
_MOST_ASKERS = 8


class StdinReader:
    """Hands on every line of a file descriptor, until its end."""

    def __init__(
        self,
        take: Callable[[bytes], None],
        descriptor: int = 0,
    ) -> None:
        self._take = take
        self._descriptor = descriptor
        self._has_ended = False
        self._askers: deque[threading.Event] = deque(maxlen=_MOST_ASKERS)
        self._bell = os.eventfd(0)
        # A daemon, since nothing can wake it from its read when the program ends.
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def ask(self) -> Callable[[float], bool]:
        """Ask whether lines are still read, or there will be none any more; any thread.

        What is returned tells, as soon as the thread goes on to its next step; it waits for that
        for at most the seconds given.
        """
        goes_on = threading.Event()
        self._askers.append(goes_on)
        os.eventfd_write(self._bell, 1)
        return lambda within_s: self._has_ended or goes_on.wait(within_s)

    def _run(self) -> None:
        splitter = LineSplitter()
        try:
            for data in self._pieces():
                for line in splitter.feed(data):
                    self._hand_on(line)
        except OSError as error:
            _log.warning("Standard input cannot be read: %s", error)
        for line in splitter.finish():
            self._hand_on(line)
        self._has_ended = True
        self._tell_askers()
        _log.info("Standard input has ended; no more commands will come from it")

    def _pieces(self) -> Iterator[bytes]:
        """Yield what comes, until the end; raises `OSError`."""
        waiter = select.poll()
        waiter.register(self._bell, select.POLLIN)
        waiter.register(self._descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in waiter.poll()}
            if self._bell in ready:
                os.eventfd_read(self._bell)
            self._tell_askers()
            if self._descriptor in ready:
                # Not sys.stdin: its lock can't be taken away from a thread when the program ends.
                data = os.read(self._descriptor, _READ_BYTES)
                if not data:
                    return
                yield data

    def _hand_on(self, line: bytes) -> None:
        self._tell_askers()
        self._take(line)

    def _tell_askers(self) -> None:
        while self._askers:
            self._askers.popleft().set()
