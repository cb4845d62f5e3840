"""The INVITE of a call that we place, and the servers that may be asked for it in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.sip.errors import sip_errors
from hasip.sip.pj_call import offer_audio

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop, Timer
    from hasip.sip.pj_call import PjCall

# How an INVITE ends that did not arrive (RFC 3261 §8.1.3.1), or met a server that is overloaded.
REQUEST_TIMEOUT, UNAVAILABLE = 408, 503
# How long a server may be silent if there are others; a 100 is due within 0.2 s (RFC 3261 §17.2.1).
NO_ANSWER_S = 4.0


class Invitation:
    """How far the INVITE of a leg has come; loop thread only."""

    def __init__(self, loop: Loop, *, has_left: bool) -> None:
        self._loop = loop
        self.has_left = has_left  # false: it is still to be sent
        self._was_heard = False  # the server has said something to it
        self._try_other: Callable[[], bool] | None = None
        self._patience: Timer | None = None

    def on_silence(self, try_other: Callable[[], bool]) -> None:
        """Have `try_other` called where a server says nothing; it tells if there was another."""
        self._try_other = try_other

    def send(self, call: PjCall, uri: str, dialled: str, call_id: str) -> None:
        """Send it; raises `SipError`, and then there was no call."""
        self.has_left = False
        op = pj.CallOpParam(True)  # noqa: FBT003 - pjsua2's own default settings
        offer_audio(op.opt)
        op.opt.customCallId = call_id
        call.redirects.begin(uri)
        with sip_errors(f"call {dialled}"):
            call.makeCall(uri, op)
        self.has_left = True

    def expect_answer(self, is_wanted: Callable[[], bool]) -> None:
        """Go to another server after a while without an answer, if the call is wanted then."""
        self._patience = self._loop.call_later(NO_ANSWER_S, lambda: self._go_elsewhere(is_wanted))

    def heard(self) -> None:
        """Take note that the server lives."""
        self._was_heard = True

    def over(self) -> None:
        """Wait for no answer any more."""
        if self._patience is not None:
            self._patience.cancel()

    def is_tried_elsewhere(self, code: int) -> bool:
        """Send it to another server, if this one could not be reached and there is another."""
        is_unreached = code == UNAVAILABLE or (code == REQUEST_TIMEOUT and not self._was_heard)
        return is_unreached and self.has_left and self._try_other is not None and self._try_other()

    def _go_elsewhere(self, is_wanted: Callable[[], bool]) -> None:
        if not self._was_heard and is_wanted():
            self._was_heard = self._try_other is None or not self._try_other()
