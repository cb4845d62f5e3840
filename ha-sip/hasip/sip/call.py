"""One call leg: a pjsua2 call, seen from the loop."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.events.model import Side, Takeover
from hasip.sip.call_audio import AudioFacts, audio_facts
from hasip.sip.errors import sip_errors
from hasip.sip.inband import IntakeContext
from hasip.sip.invitation import Invitation
from hasip.sip.leg_media import LegMedia
from hasip.sip.pj_call import DECLINED, CallEars, PjCall
from hasip.sip.stray_requests import CALL_DOES_NOT_EXIST
from hasip.sip.succession import BUSY, LEAVES_WITHIN_S, Retired, Successor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hasip.calls.ports import LegListener
    from hasip.commands.model import DtmfMethod
    from hasip.events.model import SipCallId
    from hasip.loop import Loop
    from hasip.sip.media import FilePlayback
    from hasip.sip.pj_call import CallRules, Parties
    from hasip.tones.ears import ToneEars
    from hasip.tones.heard import InbandDtmf

_log = logging.getLogger(__name__)

DIGITS = frozenset("0123456789*#ABCD")
# RFC 3261 §21.4.26 and §21.2.1: how a call ends that we cancelled, and one that a BYE ended.
REQUEST_TERMINATED = 487
OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LegContext:
    """What the account of a call does for it."""

    rules: CallRules
    to_uri: Callable[[str], str]  # makes a URI from what people write
    keep: Callable[[PjCall], None]  # alive, until it is let go
    let_go: Callable[[PjCall], None]
    ears: ToneEars
    inband_dtmf: InbandDtmf


class SipLeg(CallEars):
    """What a session works with; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        call: PjCall,
        parties: Parties,
        context: LegContext,
        *,
        is_outgoing: bool,
    ) -> None:
        self._loop = loop
        self._call: PjCall | None = call
        self._parties = parties
        self._context = context
        self._is_outgoing = is_outgoing
        self._listener: LegListener | None = None
        self._missed: list[Callable[[LegListener], None]] = []
        self._was_confirmed = False
        self._hung_up_by_us = False
        self._media = LegMedia(loop, call, self._intake())
        self._successor: Successor | None = None
        self._left: tuple[int, str] | None = None  # the peer has, and a successor may come
        self._invitation = Invitation(loop, has_left=not is_outgoing)
        call.ears = self

    @property
    def call_id(self) -> SipCallId:
        """Return the SIP Call-ID."""
        return self._parties.call_id

    @property
    def remote_uri(self) -> str:
        """Return the other side's URI."""
        return self._parties.remote_uri

    @property
    def local_uri(self) -> str:
        """Return our URI."""
        return self._parties.local_uri

    @property
    def headers(self) -> Mapping[str, str | None]:
        """Return the headers that were asked for, of the INVITE or of the response to ours."""
        return self._parties.headers

    @property
    def _is_over(self) -> bool:
        return self._call is None and self._successor is None

    def attach(self, listener: LegListener) -> None:
        """Report to `listener`, beginning with what it missed."""
        self._listener = listener
        missed, self._missed = self._missed, []
        for report in missed:
            report(listener)

    # --- what we do -------------------------------------------------------------------------

    def on_silence(self, try_other: Callable[[], bool]) -> None:
        """Have `try_other` called when the server says nothing to our INVITE.

        It sends another INVITE by another server, now or later, or tells that there is none.
        """
        self._invitation.on_silence(try_other)

    def send_invite(self, account: pj.Account, *, may_be_silent: bool) -> None:
        """Call what was dialled; raises `SipError`, and then there was no call.

        A server that is not to be silent is one beside which there are others.
        """
        if self._call is None or self._hung_up_by_us:
            return
        if self._invitation.has_left:
            Retired(self._loop, self._call, self._context.let_go, leaves_within_s=0.0)
        if self._invitation.has_left or account is not self._call.account:
            self._call = PjCall(account, self._loop, self._context.rules)
            self._call.ears = self
            self._media.use(self._call)
        uri = self._context.to_uri(self.remote_uri)
        self._invitation.send(self._call, uri, self.remote_uri, self.call_id)
        self._context.keep(self._call)
        if not may_be_silent:
            self._invitation.expect_answer(
                lambda: self._call is not None and not self._hung_up_by_us
            )

    def give_up(self, why: str) -> None:
        """End a call whose INVITE can't be sent."""
        self.heard_disconnected(int(pj.PJSIP_SC_BAD_GATEWAY), why)

    def ring(self) -> None:
        """Send 180; of a caller who has given up by now, the end is heard next."""
        try:
            self._respond(pj.PJSIP_SC_RINGING)
        except SipError as error:
            _log.info("[%s] %s", self.remote_uri, error)

    def answer(self) -> None:
        """Send 200."""
        self._respond(pj.PJSIP_SC_OK)

    def hang_up(self, sip_code: int | None = None) -> None:
        """End the call in whatever way its state asks for."""
        if self._is_over:
            return
        self._hung_up_by_us = True
        self._media.stop_playback()
        if self._successor is not None:
            try:
                self._successor.end()
            except SipError as error:  # it has ended by itself; ours must end all the same
                _log.info("[%s] %s", self.remote_uri, error)
        if not self._invitation.has_left:
            self._loop.post(lambda: self.heard_disconnected(REQUEST_TERMINATED, "never sent"))
        elif self._call is not None:
            self._call.end(sip_code)

    def play(self, wav: Path, ended: Callable[[], None]) -> FilePlayback:
        """Play a WAV file, as soon as there is media."""
        return self._media.play(wav, ended)

    def send_digits(
        self, digits: str, method: DtmfMethod, done: Callable[[str | None], None]
    ) -> None:
        """Send digits; `done` is called once, with None or with what went wrong."""
        self._media.digits.send(digits, method, done)

    def transfer(self, target: str) -> None:
        """Send REFER (RFC 3515); the outcome is reported to the listener."""
        if self._call is None or self._call.is_over:  # we hear of its end next
            return
        with sip_errors(f"transfer to {target}"):
            self._call.xfer(self._context.to_uri(target), pj.CallOpParam())

    def bridge(self, other: SipLeg) -> None:
        """Let the two peers hear each other."""
        self._media.bridge(other._media)

    def start_recording(self, wav: Path) -> None:
        """Record both sides; a recording that there is ends before."""
        self._media.start_recording(wav)

    def stop_recording(self) -> None:
        """Close the file."""
        self._media.stop_recording()

    def _respond(self, code: int) -> None:
        if self._call is not None:
            self._call.respond(code)

    def _intake(self) -> IntakeContext:
        return IntakeContext(
            ears=self._context.ears,
            mode=self._context.inband_dtmf,
            peer=self._parties.remote_uri,
            on_digit=lambda digit: self._report(lambda listener: listener.on_digit(digit)),
        )

    # --- what we hear -----------------------------------------------------------------------

    def heard_response(self) -> None:
        """Take note that the server lives."""
        self._invitation.heard()

    def heard_ringing(self) -> None:
        """Pass on that the other side rings."""
        if self._is_outgoing:
            self._report(lambda listener: listener.on_ringing())

    def heard_connected(self) -> None:
        """Pass on that the dialog is confirmed."""
        if not self._was_confirmed:
            self._was_confirmed = True
            self._media.watch_for_silence(self._context.rules.rtp_timeout_s, self._hear_nothing)
            self._report(lambda listener: listener.on_connected())

    def heard_digit(self, digit: str) -> None:
        """Pass on a digit; what is none (a flash, a broken INFO) is only logged."""
        if digit in DIGITS:
            self._media.typed.signalled(digit)
        else:
            _log.info("[%s] %r is not a digit; ignored", self.remote_uri, digit)

    def heard_media_change(self) -> None:
        """Wire what is played to the medium that the call has now; comes on every re-INVITE."""
        self._media.changed()

    def heard_headers(self, headers: Mapping[str, str | None]) -> None:
        """Pass on the headers of a response."""
        self._parties = replace(self._parties, headers=headers)
        self._report(lambda listener: listener.on_headers(headers))

    def heard_info_answer(self, code: int) -> None:
        """Let the next digit go."""
        self._media.digits.heard_info_answer(code)

    def heard_taken_elsewhere(self) -> None:
        """Pass on that another phone answered."""
        self._report(lambda listener: listener.on_taken_elsewhere())

    def heard_transfer(self, code: int, reason: str, *, is_final: bool) -> None:
        """Pass on how a transfer goes."""
        self._report(lambda listener: listener.on_transfer(code, reason, is_final=is_final))

    def heard_disconnected(self, code: int, reason: str) -> None:
        """Let go of the call, then pass on the end, unless another call is to take its place."""
        if self._call is None or self._is_tried_elsewhere(code):
            return
        self._invitation.over()
        call, self._call = self._call, None
        self._media.use(None)
        call.ears = None
        self._context.let_go(call)
        if self._successor is None:
            self._end(code, reason)
        else:
            self._left = code, reason

    def refusal(self, *, is_early_only: bool) -> int | None:
        """Return the code for an INVITE that wants to replace this call (RFC 3891 §3)."""
        if self._call is None or self._hung_up_by_us:
            return DECLINED
        if self._call.has_successor or (is_early_only and self._was_confirmed):
            return BUSY
        if not (self._was_confirmed or self._is_outgoing):
            return CALL_DOES_NOT_EXIST
        return None

    def heard_successor(self, call: PjCall, parties: Parties | None, how: Takeover) -> None:
        """Wait for a call that is to take this one's place."""
        self._context.keep(call)
        if self._hung_up_by_us or self._call is None or self._successor is not None:
            Retired(self._loop, call, self._context.let_go, leaves_within_s=0.0)
            return
        _log.info("[%s] another call is to take its place (%s)", self.remote_uri, how)
        self._successor = Successor(
            self._loop,
            call,
            how,
            on_up=lambda successor: self._take_over(
                successor, parties or successor.parties(self._context.rules.wanted_headers)
            ),
            on_over=self._lose_successor,
        )
        self._call.has_successor = True
        if how is Takeover.REPLACES:
            try:
                call.respond(OK)
            except SipError as error:  # it is taken back by now; its end is heard next
                _log.info("[%s] %s", self.remote_uri, error)

    def _take_over(self, successor: Successor, parties: Parties) -> None:
        """Go on with another call; who talks in it is told before what happens in it."""
        if self._call is not None:
            wait_s = 0.0 if successor.how is Takeover.REPLACES else LEAVES_WITHIN_S
            Retired(self._loop, self._call, self._context.let_go, leaves_within_s=wait_s)
        self._call, self._successor = successor.call, None
        self._call.ears = self
        self._parties = parties
        self._media.use(self._call)
        self._media.take_over(self._intake())
        self._report(lambda listener: listener.on_peer_changed(successor.how))
        self.heard_connected()

    def _lose_successor(self, successor: Successor, code: int, reason: str) -> None:
        """Go on with the call that there is, or end where there is none any more."""
        self._context.let_go(successor.call)
        self._successor = None
        if self._call is None:
            self._end(*(self._left or (code, reason)))
        else:
            self._call.has_successor = False
            _log.info("[%s] it goes on: %d %s", self.remote_uri, code, reason)

    def _hear_nothing(self, silent_s: float) -> None:
        self._report(lambda listener: listener.on_audio_lost(silent_s))

    def audio_facts(self) -> AudioFacts | None:
        """Return what flows, or None while there is no audio."""
        return None if self._call is None else audio_facts(self._call)

    def _end(self, code: int, reason: str) -> None:
        """Let go of everything of pjsua2's, then pass on the end."""
        self._media.close()
        sip_code, sip_reason = self._outcome(code, reason)
        by = Side.LOCAL if self._hung_up_by_us else Side.REMOTE
        self._report(lambda listener: listener.on_disconnected(sip_code, sip_reason, by))

    def _is_tried_elsewhere(self, code: int) -> bool:
        if self._hung_up_by_us or self._was_confirmed:
            return False
        return self._invitation.is_tried_elsewhere(code)

    def _outcome(self, code: int, reason: str) -> tuple[int, str]:
        if self._hung_up_by_us and self._is_outgoing and not self._was_confirmed:
            return REQUEST_TERMINATED, "Request Terminated"
        if self._was_confirmed and self._hung_up_by_us:
            return OK, "OK"
        return code, reason

    def _report(self, report: Callable[[LegListener], None]) -> None:
        if self._listener is None:
            self._missed.append(report)
        else:
            report(self._listener)
