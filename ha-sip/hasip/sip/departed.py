"""Which calls were over lately: what still comes for them must not wait for an answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 3261 §17.1.1.2: how long a peer goes on asking (64 times T1), and some more.
REMEMBERED_S = 60.0


class Departed:
    """Calls by Call-ID and the peer's tag; any thread, since each step is a single one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._over_at: dict[tuple[str, str], float] = {}

    def add(self, call_id: str, remote_tag: str) -> None:
        """Remember a call that is over, and forget those that nobody asks for any more."""
        before = self._now() - REMEMBERED_S
        for call, over_at in tuple(self._over_at.items()):
            if over_at > before:
                break  # the others were over later still
            self._over_at.pop(call, None)
        self._over_at[call_id, remote_tag.lower()] = self._now()

    def came_back(self, call_id: str, remote_tag: str) -> None:
        """Forget a call: who was refused calls again, maybe under the same names (§8.1.3.5)."""
        self._over_at.pop((call_id, remote_tag.lower()), None)

    def has(self, call_id: str, remote_tag: str) -> bool:
        """Tell whether that call was over lately."""
        return (call_id, remote_tag.lower()) in self._over_at


departed = Departed()  # as there is one pjsip only
