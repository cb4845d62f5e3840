"""Where commands come in, from whatever thread and transport."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.commands.lines import read_command
from hasip.commands.model import InvalidCommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.commands.model import Command
    from hasip.loop import Loop

_log = logging.getLogger(__name__)


class CommandIntake:
    """Reads JSON and posts the command to the loop, or why it is none."""

    def __init__(
        self,
        loop: Loop,
        on_command: Callable[[Command], None],
        on_invalid: Callable[[InvalidCommandError], None],
    ) -> None:
        self._loop = loop
        self._on_command = on_command
        self._on_invalid = on_invalid

    def take(self, text: bytes) -> None:
        """Take one command; may be called on any thread, and never raises."""
        try:
            command = read_command(text)
        except InvalidCommandError as error:
            # The traceback would travel with the error; its text is all that is wanted.
            refused = error.with_traceback(None)
            self._loop.post(lambda: self._on_invalid(refused))
            return
        except Exception:
            _log.exception("A command of %d bytes could not be read", len(text))
            return
        if command is not None:
            self._loop.post(lambda: self._on_command(command))
