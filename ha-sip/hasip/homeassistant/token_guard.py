"""Keeps a token that was refused from being shown again and again.

Home Assistant writes every refusal into its log and its notifications, and may ban an address
after a few. So all who need the token ask here first: after a refusal requests fail at once, except
one now and then that finds out whether the token is good again.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from hasip.backoff import Backoff
from hasip.dataclass import dataclass
from hasip.homeassistant.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

AGAIN = Backoff(60.0, 900.0)
# After a restart it may be another Home Assistant, but one that flaps must not make us flood it.
SOONEST_S = 10.0


@dataclass(slots=True)
class _Refusal:
    failures: int
    at: float
    again_at: float


class TokenGuard:
    """Knows what was refused; used by all threads that talk to Home Assistant."""

    def __init__(self, token_name: str, now: Callable[[], float] = time.monotonic) -> None:
        """Take the name of the setting that is to be looked at."""
        self._token_name = token_name
        self._now = now
        self._lock = threading.Lock()
        # What was refused: a kind of request ("states"), or "" for the token itself.
        self._refusals: dict[str, _Refusal] = {}

    def check(self, doing: str, kind: str) -> None:
        """Let a request pass; raises `UnauthorizedError` where it would be refused."""
        with self._lock:
            for refused in ("", kind):
                refusal = self._refusals.get(refused)
                if refusal is None:
                    continue
                if self._now() < refusal.again_at:
                    raise self._error(doing, refused)
                # This one finds out; the others wait for what it hears.
                refusal.again_at = self._now() + AGAIN.wait_s(refusal.failures)

    def refused(self, doing: str, kind: str) -> UnauthorizedError:
        """Note a refusal, of a kind of request or ("") of the token; returns what to raise."""
        with self._lock:
            error, before = self._error(doing, kind), self._refusals.get(kind)
            failures = 1 if before is None else before.failures + 1
            now, wait_s = self._now(), AGAIN.wait_s(failures)
            self._refusals[kind] = _Refusal(failures, now, now + wait_s)
        if before is None:
            # Its error tells the rest: this is said once.
            _log.error("%s; it is tried again in %.0f s, then ever more rarely", error, wait_s)
        return error

    def accepted(self, kind: str) -> None:
        """Note that the token is good for a kind of request."""
        if not self._refusals:
            return
        with self._lock:
            found = [refused for refused in ("", kind) if self._refusals.pop(refused, None)]
        if found:
            what = "the token" if "" in found else f"requests for {kind}"
            _log.warning("Home Assistant accepts %s again", what)

    def home_was_away(self) -> None:
        """Note that Home Assistant may have restarted: the next request finds out."""
        if not self._refusals:
            return
        with self._lock:
            for refusal in self._refusals.values():
                refusal.again_at = min(refusal.again_at, refusal.at + SOONEST_S)

    def _error(self, doing: str, kind: str) -> UnauthorizedError:
        if kind:
            msg = (
                f"{doing}: Home Assistant does not allow {kind} to this token's user (401); "
                "it must be an administrator's"
            )
        else:
            name = self._token_name
            msg = f"{doing}: Home Assistant refused the token (401); check {name}"
        return UnauthorizedError(msg)
