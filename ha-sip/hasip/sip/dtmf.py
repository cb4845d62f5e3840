"""Sends digits into a call, one after the other, by the method that is asked for."""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.commands.model import DtmfMethod
from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.sip.errors import sip_errors
from hasip.sip.media import TonePlayback

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop, Timer
    from hasip.sip.patch_bay import PatchBay

_log = logging.getLogger(__name__)

# pjsip sends an event for 200 ms; a pause follows, so that equal digits stay apart.
EVENT_EVERY_S = 0.3
# Some peers lose INFOs that come in a burst: the next waits for the answer, and so long at least.
INFO_EVERY_S = 0.25
INFO_ANSWER_WITHIN_S = 4.0
FIRST_ERROR = 300


@dataclass(frozen=True, slots=True)
class _Job:
    digits: str
    method: DtmfMethod
    done: Callable[[str | None], None]


class DtmfSender:
    """The digits that wait to be sent in one call; loop thread only.

    Every job's `done` is called once: with None when the last digit has left, else with the reason.
    """

    def __init__(self, loop: Loop, call: pj.Call | None, bay: PatchBay) -> None:
        self._loop = loop
        self._call = call
        self._bay = bay
        self._jobs: deque[_Job] = deque()
        self._left = ""  # of the job at work, by events and by INFO
        self._by_info = False
        self._refusal: str | None = None
        self._tones: TonePlayback | None = None
        self._timer: Timer | None = None
        self._sent_at = -math.inf  # when the last job ended
        self._is_closed = False

    def sent_within(self, seconds: float) -> bool:
        """Tell whether digits are being sent, or were so lately."""
        return bool(self._jobs) or self._loop.clock.now() - self._sent_at < seconds

    def send(self, digits: str, method: DtmfMethod, done: Callable[[str | None], None]) -> None:
        """Send digits after those that are being sent."""
        self._jobs.append(_Job(digits, method, done))
        if len(self._jobs) == 1:
            self._begin()

    def use(self, call: pj.Call | None) -> None:
        """Send by another call from now on, or by none: the one before is over."""
        self._call = call

    def heard_info_answer(self, code: int) -> None:
        """Take the final response to an INFO: the next digit may go."""
        if not (self._jobs and self._by_info):
            return
        if code >= FIRST_ERROR:
            self._refusal = f"the peer answered {code} to a digit by INFO"
        self._next_in(INFO_EVERY_S)

    def close(self) -> None:
        """Give up what has not been sent: the call is over."""
        self._is_closed = True
        self._call = None
        self._cancel_timer()
        if self._tones is not None:
            self._tones.stop()
            self._tones = None
        jobs = list(self._jobs)
        self._jobs.clear()
        for job in jobs:
            job.done("the call ended before all digits had left")

    def _begin(self) -> None:
        job = self._jobs[0]
        self._left, self._refusal = job.digits, None
        self._by_info = job.method is DtmfMethod.SIP_INFO
        if self._bay.heard_medium is None and not self._by_info:
            # On hold: the peer would hear nothing.
            self._finish("the call has no audio now")
        elif job.method is DtmfMethod.IN_BAND:
            try:
                self._tones = TonePlayback(self._loop, self._bay, job.digits, self._tones_ended)
            except SipError as error:
                self._finish(str(error))
        else:
            self._send_next()

    def _tones_ended(self) -> None:
        self._tones = None
        self._finish(None)

    def _send_next(self) -> None:
        if not self._left:
            self._finish(self._refusal)
            return
        digit, self._left = self._left[0], self._left[1:]
        try:
            self._send_digit(digit)
        except SipError as error:
            self._finish(str(error))

    def _send_digit(self, digit: str) -> None:
        if not self._by_info:
            try:
                self._pjsip_send(digit, pj.PJSUA_DTMF_METHOD_RFC2833)
            except SipError as error:
                _log.info("%s: sending digits by INFO instead", error)
                self._by_info = True
            else:
                self._next_in(EVENT_EVERY_S)
                return
        self._pjsip_send(digit, pj.PJSUA_DTMF_METHOD_SIP_INFO)
        self._cancel_timer()
        self._timer = self._loop.call_later(INFO_ANSWER_WITHIN_S, self._info_unanswered)

    def _info_unanswered(self) -> None:
        self._finish(f"no answer to a digit by INFO within {INFO_ANSWER_WITHIN_S:.0f} s")

    def _pjsip_send(self, digit: str, method: int) -> None:
        if self._call is None:
            msg = "cannot send a digit: the peer has left, and nobody has taken its place yet"
            raise SipError(msg)
        op = pj.CallSendDtmfParam()
        op.method, op.digits = method, digit
        with sip_errors("send a digit"):
            self._call.sendDtmf(op)

    def _finish(self, error: str | None) -> None:
        self._cancel_timer()
        self._sent_at = self._loop.clock.now()
        job = self._jobs.popleft()
        job.done(error)
        if self._jobs and not self._is_closed:
            self._begin()

    def _next_in(self, wait_s: float) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(wait_s, self._send_next)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
