"""Where commands come in, from whatever thread and transport."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hasip.commands.lines import read_command
from hasip.commands.model import InvalidCommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.commands.model import Command
    from hasip.loop import Loop

_log = logging.getLogger(__name__)


class CommandIntake:
    """Reads JSON and posts the command to the loop, or why it is none; on any thread."""

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
        """Take one command; never raises."""
        read = self.read(text)
        if read is not None:
            self.hand_on(read)

    def read(
        self, text: bytes, request_id: str | None = None
    ) -> Command | InvalidCommandError | None:
        """Read one command, None if there is none; never raises.

        `request_id` is for a command that has none of its own.
        """
        try:
            command = read_command(text)
        except InvalidCommandError as error:
            error.request_id = error.request_id or request_id
            # The traceback would travel with the error; its text is all that is wanted.
            return error.with_traceback(None)
        except Exception:
            _log.exception("A command of %d bytes could not be read", len(text))
            return None
        if command is None or command.request_id is not None or request_id is None:
            return command
        return replace(command, request_id=request_id)

    def hand_on(self, read: Command | InvalidCommandError) -> None:
        """Post what was read to the loop."""
        if isinstance(read, InvalidCommandError):
            self._loop.post(lambda: self._on_invalid(read))
        else:
            self._loop.post(lambda: self._on_command(read))
