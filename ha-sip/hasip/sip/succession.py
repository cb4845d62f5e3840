"""One call taking the place of another in a leg: what has a call before and after its leg has it.

Two things bring a successor: a REFER that an account follows (we call the target), and an INVITE
with Replaces, by which somebody else hands his call with us on. The leg keeps its call until the
successor is up, and goes on with its own call where that comes to nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.errors import SipError
from hasip.events.model import SipCallId
from hasip.sip.pj_call import CallEars, Parties

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.events.model import Takeover
    from hasip.loop import Loop
    from hasip.sip.pj_call import PjCall

_log = logging.getLogger(__name__)

# pjsip places the call of a REFER right after it has asked us; where it cannot, it tells nobody.
PLACED_WITHIN_S = 1.0
# RFC 5589 §6.1: the transferor ends its call when it hears that the new one is up. Some don't.
LEAVES_WITHIN_S = 3.0
SERVER_ERROR = 500
BUSY = 486


class Successor(CallEars):
    """A call that is to take the place of a leg's; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        call: PjCall,
        how: Takeover,
        *,
        on_up: Callable[[Successor], None],
        on_over: Callable[[Successor, int, str], None],
    ) -> None:
        self.call = call
        self.how = how
        self._on_up = on_up
        self._on_over = on_over
        self._is_unwanted = False
        call.ears = self
        self._timer = loop.call_later(PLACED_WITHIN_S, self._look_whether_placed)

    def end(self) -> None:
        """Hang up, now or as soon as pjsip has placed the call of a REFER; raises `SipError`."""
        self._is_unwanted = True
        self.call.end()

    def heard_response(self) -> None:
        """End what could not be ended before."""
        self._end_if_unwanted()

    def parties(self, wanted_headers: tuple[str, ...]) -> Parties:
        """Return who talks in a call that a REFER had us place."""
        call_id, local_uri = self.call.placed or (SipCallId(""), "")
        return Parties(
            call_id=call_id,
            remote_uri=self.call.target,
            local_uri=local_uri,
            headers=dict.fromkeys(wanted_headers),
        )

    def refusal(self, *, is_early_only: bool) -> int | None:  # noqa: ARG002
        """Let it first take the place that it is to take."""
        return BUSY

    def heard_connected(self) -> None:
        """Hand the call to the leg."""
        self._timer.cancel()
        if not self._end_if_unwanted():
            self._on_up(self)

    def heard_disconnected(self, code: int, reason: str) -> None:
        """Tell that it came to nothing."""
        self._timer.cancel()
        self.call.ears = None
        self._on_over(self, code, reason)

    def _look_whether_placed(self) -> None:
        if self.call.placed is None and self.call.getId() < 0:
            self.heard_disconnected(SERVER_ERROR, "the call could not be placed")
        else:
            self._end_if_unwanted()

    def _end_if_unwanted(self) -> bool:
        if self._is_unwanted:
            try:
                self.call.end()
            except SipError as error:
                _log.warning("%s", error)
        return self._is_unwanted


class Retired(CallEars):
    """A call that no leg has any more: it ends soon, by itself or by us; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        call: PjCall,
        let_go: Callable[[PjCall], None],
        *,
        leaves_within_s: float = LEAVES_WITHIN_S,
        sip_code: int | None = None,
    ) -> None:
        self._loop = loop
        self._call = call
        self._is_awaited = False
        self._sip_code = sip_code
        self._let_go = let_go
        call.ears = self
        self._timer = loop.call_later(leaves_within_s, self._end)

    def heard_disconnected(self, code: int, reason: str) -> None:  # noqa: ARG002
        """Let go of it."""
        self._timer.cancel()
        self._call.ears = None
        self._let_go(self._call)

    def _end(self) -> None:
        if self._call.getId() < 0:
            # pjsip places the call of a REFER in this moment, or never does.
            if not self._is_awaited:
                self._is_awaited = True
                self._timer = self._loop.call_later(PLACED_WITHIN_S, self._end)
            else:
                self.heard_disconnected(SERVER_ERROR, "never placed")
            return
        try:
            self._call.end(self._sip_code)
        except SipError as error:
            _log.warning("%s", error)
