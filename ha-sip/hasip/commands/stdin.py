"""Reads commands from standard input, on a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from hasip.commands.lines import LineSplitter, read_command
from hasip.commands.model import InvalidCommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.commands.model import Command
    from hasip.loop import Loop

_log = logging.getLogger(__name__)

_READ_BYTES = 65_536


class StdinReader:
    """Posts a command to the loop for every line of a file descriptor, until its end."""

    def __init__(
        self,
        loop: Loop,
        on_command: Callable[[Command], None],
        on_invalid: Callable[[InvalidCommandError], None],
        descriptor: int = 0,
    ) -> None:
        self._loop = loop
        self._on_command = on_command
        self._on_invalid = on_invalid
        self._descriptor = descriptor
        # A daemon, since nothing can wake it from its read when the program ends.
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

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
        _log.info("Standard input has ended; no more commands will come from it")

    def _take(self, line: bytes) -> None:
        try:
            command = read_command(line)
        except InvalidCommandError as error:
            # The traceback would travel with the error; its text is all that is wanted.
            refused = error.with_traceback(None)
            self._loop.post(lambda: self._on_invalid(refused))
            return
        except Exception:
            _log.exception("A line of %d bytes could not be read", len(line))
            return
        if command is not None:
            self._loop.post(lambda: self._on_command(command))
