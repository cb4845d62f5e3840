"""Tells the parent of `--restart` that the gateway has started: a hang before is seen by that.

The gateway holds one end of a pipe open until then. That its socket for health is there would be
no sign: it is made late, and where it can't be made the gateway does its work all the same.
"""

from __future__ import annotations

import os

_held: list[int] = []  # in the gateway


class Start:
    """The start of one child; made by the parent before it forks."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.pipe()
        os.set_blocking(self._ours, False)

    def is_mine(self) -> None:
        """Have `tell_started` tell of this start; in the child."""
        os.close(self._ours)
        _held.append(self._theirs)

    def watch(self) -> None:
        """Let go of the child's end; in the parent."""
        os.close(self._theirs)

    def is_over(self) -> bool:
        """Tell whether the child has started, or ended."""
        try:
            return not os.read(self._ours, 1)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Let go of the parent's end."""
        os.close(self._ours)


def tell_started() -> None:
    """Say that everything is up; without a parent nobody hears it."""
    while _held:
        os.close(_held.pop())
