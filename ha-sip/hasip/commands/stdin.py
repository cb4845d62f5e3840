"""Reads commands from standard input, on a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from hasip.commands.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_READ_BYTES = 65_536


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
        # A daemon, since nothing can wake it from its read when the program ends.
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    @property
    def is_well(self) -> bool:
        """Tell whether lines are still read, or there will be none any more."""
        return self._has_ended or self._thread.is_alive()

    def _run(self) -> None:
        splitter = LineSplitter()
        try:
            # Not sys.stdin: its lock can't be taken away from a thread when the program ends.
            while data := os.read(self._descriptor, _READ_BYTES):
                for line in splitter.feed(data):
                    self._take(line)
        except OSError as error:
            _log.warning("Standard input cannot be read: %s", error)
        for line in splitter.finish():
            self._take(line)
        self._has_ended = True
        _log.info("Standard input has ended; no more commands will come from it")
