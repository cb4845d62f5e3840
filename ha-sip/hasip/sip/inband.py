"""Digits that a peer sends as tones in its audio: when to listen, and what to believe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.sip.errors import guarded, sip_errors
from hasip.sip.media import BRIDGE_RATE_HZ
from hasip.tones.heard import ECHO_WITHIN_S, HeardDigits

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.sip.dtmf import DtmfSender
    from hasip.sip.patch_bay import PatchBay
    from hasip.tones.ears import Ear, ToneEars
    from hasip.tones.heard import InbandDtmf

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeContext:
    """What the digits of a peer belong to."""

    ears: ToneEars
    mode: InbandDtmf
    peer: str  # for the log
    on_digit: Callable[[str], None]


class DigitIntake:
    """Every digit that a peer types, however it comes, once; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        bay: PatchBay,
        own_digits: DtmfSender,
        context: IntakeContext,
    ) -> None:
        self._loop = loop
        self._bay = bay
        self._own_digits = own_digits
        self._ears = context.ears
        self._peer = context.peer
        self._on_digit = context.on_digit
        self._heard = HeardDigits(loop.clock, context.mode)
        bay.typed_lately = self._heard.typed_lately
        self._events_agreed = True
        self._ear: Ear | None = None
        self._recorder: pj.AudioMediaRecorder | None = None

    def media_changed(self, *, events_agreed: bool) -> None:
        """Take note of whether the peer takes telephone-events (RFC 4733), as agreed just now."""
        self._events_agreed = events_agreed
        self._begin_or_stop()

    def signalled(self, digit: str) -> None:
        """Take a digit that came as telephone-event or INFO."""
        if self._heard.signalled(digit):
            self._on_digit(digit)
        self._begin_or_stop()

    def close(self) -> None:
        """Listen no more."""
        ear, self._ear = self._ear, None
        recorder, self._recorder = self._recorder, None
        if ear is not None:
            ear.close()
        if recorder is not None:
            self._bay.remove_listener(recorder)

    def _begin_or_stop(self) -> None:
        wanted = self._heard.wants_tones(events_agreed=self._events_agreed)
        if not wanted:
            self.close()
        elif self._ear is None and self._bay.live_medium is not None:
            with guarded("listen for tones"):
                self._begin()

    def _begin(self) -> None:
        """Have pjsip record what the peer says into a pipe that is read elsewhere."""
        recorder = pj.AudioMediaRecorder()
        loop, take = self._loop, self._heard_tones

        def heard(ear: Ear, digits: str) -> None:
            loop.post(lambda: take(ear, digits))

        with self._ears.open(BRIDGE_RATE_HZ, heard) as ear, sip_errors("listen for tones"):
            recorder.createRecorder(str(ear.path))
        self._ear, self._recorder = ear, recorder
        self._bay.add_listener(recorder)

    def _heard_tones(self, ear: Ear, digits: str) -> None:
        if self._ear is not ear:
            return
        for digit in digits:
            # What we type, or let through to the peer, may come back from its line.
            if self._own_digits.sent_within(ECHO_WITHIN_S):
                _log.info("[%s] a digit in-band is the echo of ours; ignored", self._peer)
            elif self._bay.may_echo(digit):
                _log.info("[%s] a digit in-band is the echo of a bridged call's", self._peer)
            elif self._heard.tone(digit):
                # Which one it is may be part of a code.
                _log.info("[%s] a digit was heard in-band", self._peer)
                self._on_digit(digit)
