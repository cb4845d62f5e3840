"""Cuts a stream of bytes into lines, and lines into commands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from hasip.commands.model import InvalidCommandError, parse_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasip.commands.model import Command

_SHOWN_CHARS = 80


class LineSplitter:
    """Collects bytes, however split, until their line is whole; lines may be any length."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that `data` completes, without their ends."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._pieces.append(piece)
            yield b"".join(self._pieces)
            self._pieces.clear()
        if rest:
            self._pieces.append(rest)

    def finish(self) -> Iterator[bytes]:
        """Yield a last line that had no end."""
        if self._pieces:
            yield b"".join(self._pieces)
            self._pieces.clear()


class NotJsonError(InvalidCommandError):
    """A line that is not JSON."""

    def __init__(self, text: str, why: str) -> None:
        # A broken command may hold a PIN: its digits stay out of the log.
        shown = re.sub(r"[0-9]", "#", text[:_SHOWN_CHARS])
        dots = "…" if len(text) > _SHOWN_CHARS else ""
        super().__init__(f"Could not deserialize JSON: {why}; got: {shown}{dots}", None)


def read_command(line: bytes) -> Command | None:
    """Read one line; None for an empty one; raises `InvalidCommandError`.

    Home Assistant may send a JSON string that holds JSON: it is decoded twice.
    """
    text = line.decode("utf-8", errors="replace").strip("\ufeff \t\r\n\0")
    if not text:
        return None
    raw = _decoded(text)
    if isinstance(raw, str):
        raw = _decoded(raw)
    return parse_command(raw)


def _decoded(text: str) -> object:
    try:
        raw = json.loads(text)
        # Half of a pair (`"\ud800"`) is no text: nobody could be told of it.
        return raw if "\\u" not in text else _whole(raw)
    except ValueError as error:
        raise NotJsonError(text, str(error)) from error
    except RecursionError as error:
        raise NotJsonError(text, "nested too deeply") from error


def _whole(raw: object) -> object:
    """Return it with a replacement character for each half of a surrogate pair."""
    text = json.dumps(raw, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
