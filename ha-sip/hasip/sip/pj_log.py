"""pjsip's log: passes its lines on, and says in our words what pjsua2 tells in no other way."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.sip.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

# The level of the line that says it, and the line.
REFUSAL_LEVEL = 4
_REFUSAL = "Allocate error:"
# Two lines come with every call.
APART_S = 60.0
# What cannot be read as SIP is written out before anything of ours could drop it, at levels 1 to 4.
_UNREAD = ("Error processing packet from ", " bytes packet from ", "Dropped packet:")
_LONGEST_HEAD = 100  # in which it says so
MOST_UNREAD = 20  # in `APART_S`


class LogWriter(pj.LogWriter):
    """Called on any thread."""

    def __init__(self, put: Callable[[str], None], level: int) -> None:
        """Pass lines up to a level on; those above are only looked at."""
        super().__init__()
        self._put = put
        self._level = level
        self._said_at = -APART_S
        self._unread = 0
        self._unread_since = -APART_S

    def write(self, entry: pj.LogEntry) -> None:
        """Take a line."""
        with guarded("log"):
            message = entry.msg
            if entry.level <= self._level and not self._is_one_too_many(message[:_LONGEST_HEAD]):
                self._put(message.rstrip("\n"))
            if _REFUSAL in message:
                self._say_refusal(message.partition(_REFUSAL)[2].strip())

    def _is_one_too_many(self, head: str) -> bool:
        """Count what could not be read: anybody may send 16 kB of anything."""
        if not any(words in head for words in _UNREAD):
            return False
        now = time.monotonic()
        if now - self._unread_since > APART_S:
            self._unread, self._unread_since = 0, now
        self._unread += 1
        if self._unread == MOST_UNREAD + 1:
            _log.warning(
                "More than %d packets came that are no SIP; the others of this minute are not in "
                "the log",
                MOST_UNREAD,
            )
        return self._unread > MOST_UNREAD

    def _say_refusal(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._said_at > APART_S:
            self._said_at = now
            _log.warning(
                "The TURN server relays nothing for us (%s): check --turn-user and "
                "--turn-password; calls go without it",
                reason,
            )
