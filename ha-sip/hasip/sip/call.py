"""One call leg: a pjsua2 call, seen from the loop."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.errors import SipError
from hasip.events.model import Side, SipCallId
from hasip.sip.call_audio import AudioFacts, audio_facts, audio_of, events_agreed, packets_heard
from hasip.sip.dtmf import DtmfSender
from hasip.sip.errors import guarded, sip_errors
from hasip.sip.inband import DigitIntake, IntakeContext
from hasip.sip.media import FilePlayback, Recording
from hasip.sip.patch_bay import PatchBay
from hasip.sip.pj_call import CallEars, CallRules, Parties, PjCall, parties_of
from hasip.sip.silence_watch import SilenceWatch
from hasip.sip.succession import Retired, Successor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hasip.calls.ports import LegListener
    from hasip.commands.model import DtmfMethod
    from hasip.events.model import Takeover
    from hasip.loop import Loop, Timer
    from hasip.tones.ears import ToneEars
    from hasip.tones.heard import InbandDtmf

_log = logging.getLogger(__name__)

DIGITS = frozenset("0123456789*#ABCD")
# RFC 3261 §21.4.26 and §21.2.1: how a call ends that we cancelled, and one that a BYE ended.
REQUEST_TERMINATED = 487
OK = 200
# How an INVITE ends that did not arrive (RFC 3261 §8.1.3.1), or met a server that is overloaded.
REQUEST_TIMEOUT, UNAVAILABLE = 408, 503
# How long a server may be silent if there are others; a 100 is due within 0.2 s (RFC 3261 §17.2.1).
NO_ANSWER_S = 4.0


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
        # Not `call.isActive` itself: the bay outlives the call, which must be dropped at its end.
        self._bay = PatchBay(lambda: self._call is not None and self._call.isActive())
        self._dtmf = DtmfSender(loop, call, self._bay)
        self._typed = self._make_intake()
        self._playback: FilePlayback | None = None
        self._recording: Recording | None = None
        self._watch: SilenceWatch | None = None
        self._successor: Successor | None = None
        self._left: tuple[int, str] | None = None  # the peer has, and a successor may come
        self._has_left = not is_outgoing  # false: an INVITE that is still to be sent
        self._was_heard = False  # the server has said something to it
        self._try_other: Callable[[], bool] | None = None
        self._patience: Timer | None = None
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
        self._try_other = try_other

    def send_invite(self, account: pj.Account, *, may_be_silent: bool) -> None:
        """Call what was dialled; raises `SipError`, and then there was no call.

        A server that is not to be silent is one beside which there are others.
        """
        if self._call is None or self._hung_up_by_us:
            return
        if self._has_left:
            Retired(self._loop, self._call, self._context.let_go, leaves_within_s=0.0)
        self._has_left = False
        self._call = call = PjCall(account, self._loop, self._context.rules)
        call.ears = self
        self._dtmf.use(call)
        op = pj.CallOpParam(True)  # noqa: FBT003 - pjsua2's own default settings
        op.opt.audioCount = 1
        op.opt.videoCount = 0
        op.opt.customCallId = self.call_id
        if hasattr(op.opt, "textCount"):  # since 2.16; makes the INVITE larger for nothing
            op.opt.textCount = 0
        uri = self._context.to_uri(self.remote_uri)
        call.redirects.begin(uri)
        with sip_errors(f"call {self.remote_uri}"):
            call.makeCall(uri, op)
        self._context.keep(call)
        self._has_left = True
        if not may_be_silent:
            self._patience = self._loop.call_later(NO_ANSWER_S, self._go_elsewhere)

    def give_up(self, why: str) -> None:
        """End a call whose INVITE can't be sent."""
        self.heard_disconnected(int(pj.PJSIP_SC_BAD_GATEWAY), why)

    def _go_elsewhere(self) -> None:
        if not self._was_heard and self._call is not None and not self._hung_up_by_us:
            self._was_heard = self._try_other is None or not self._try_other()

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
        self._stop_playback()
        if self._successor is not None:
            self._successor.call.end()
        if not self._has_left:
            self._loop.post(lambda: self.heard_disconnected(REQUEST_TERMINATED, "never sent"))
        elif self._call is not None:
            self._call.end(sip_code)

    def play(self, wav: Path, ended: Callable[[], None]) -> FilePlayback:
        """Play a WAV file, as soon as there is media."""
        self._stop_playback()
        self._playback = FilePlayback(self._loop, self._bay, wav, ended)
        return self._playback

    def send_digits(
        self, digits: str, method: DtmfMethod, done: Callable[[str | None], None]
    ) -> None:
        """Send digits; `done` is called once, with None or with what went wrong."""
        self._dtmf.send(digits, method, done)

    def transfer(self, target: str) -> None:
        """Send REFER (RFC 3515); the outcome is reported to the listener."""
        if self._call is None:
            return
        with sip_errors(f"transfer to {target}"):
            self._call.xfer(self._context.to_uri(target), pj.CallOpParam())

    def bridge(self, other: SipLeg) -> None:
        """Let the two peers hear each other."""
        self._bay.bridge(other._bay)

    def start_recording(self, wav: Path) -> None:
        """Record both sides; a recording that there is ends before."""
        self.stop_recording()
        self._recording = Recording(self._bay, wav)

    def stop_recording(self) -> None:
        """Close the file."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.stop()

    def _respond(self, code: int) -> None:
        if self._call is None:
            return
        op = pj.CallOpParam()
        op.statusCode = code
        with sip_errors(f"answer with {code}"):
            self._call.answer(op)

    def _make_intake(self) -> DigitIntake:
        context = IntakeContext(
            ears=self._context.ears,
            mode=self._context.inband_dtmf,
            peer=self._parties.remote_uri,
            on_digit=lambda digit: self._report(lambda listener: listener.on_digit(digit)),
        )
        return DigitIntake(self._loop, self._bay, self._dtmf, context)

    # --- what we hear -----------------------------------------------------------------------

    def heard_response(self) -> None:
        """Take note that the server lives."""
        self._was_heard = True

    def heard_ringing(self) -> None:
        """Pass on that the other side rings."""
        if self._is_outgoing:
            self._report(lambda listener: listener.on_ringing())

    def heard_connected(self) -> None:
        """Pass on that the dialog is confirmed."""
        if not self._was_confirmed:
            self._was_confirmed = True
            self._watch_for_silence(self._context.rules.rtp_timeout_s)
            self._report(lambda listener: listener.on_connected())

    def heard_digit(self, digit: str) -> None:
        """Pass on a digit; what is none (a flash, a broken INFO) is only logged."""
        if digit in DIGITS:
            self._typed.signalled(digit)
        else:
            _log.info("[%s] %r is not a digit; ignored", self.remote_uri, digit)

    def heard_media_change(self) -> None:
        """Wire what is played to the medium that the call has now; comes on every re-INVITE."""
        # A call that ends has no media any more; we hear of its end after this.
        if self._call is None or not self._call.isActive():
            return
        with guarded("media change"):
            audio = audio_of(self._call)
            if audio is None:
                self._bay.use(None, peer_hears=False)
            else:
                medium = self._call.getAudioMedia(audio.index)
                self._bay.use(medium, peer_hears=audio.peer_hears)
                self._typed.media_changed(events_agreed=events_agreed(self._call, audio.index))

    def heard_headers(self, headers: Mapping[str, str | None]) -> None:
        """Pass on the headers of a response."""
        self._parties = replace(self._parties, headers=headers)
        self._report(lambda listener: listener.on_headers(headers))

    def heard_info_answer(self, code: int) -> None:
        """Let the next digit go."""
        self._dtmf.heard_info_answer(code)

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
        if self._patience is not None:
            self._patience.cancel()
        call, self._call = self._call, None
        call.ears = None
        self._context.let_go(call)
        if self._successor is None:
            self._end(code, reason)
        else:
            self._left = code, reason

    def heard_successor(self, call: PjCall, parties: Parties | None, how: Takeover) -> None:
        """Wait for a call that is to take this one's place."""
        self._context.keep(call)
        if self._hung_up_by_us or self._successor is not None:
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

    def _take_over(self, successor: Successor, parties: Parties) -> None:
        """Go on with another call; who talks in it is told before what happens in it."""
        if self._call is not None:
            Retired(self._loop, self._call, self._context.let_go)
        self._call, self._successor = successor.call, None
        self._call.ears = self
        self._parties = parties
        self._dtmf.use(self._call)
        self._typed.close()
        self._typed = self._make_intake()
        self.heard_media_change()
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

    def _watch_for_silence(self, limit_s: float) -> None:
        if limit_s > 0:
            self._watch = SilenceWatch(
                self._loop,
                limit_s,
                packets=self._count_packets,
                prompt=self._audible_playback,
                too_long=lambda silent_s: self._report(
                    lambda listener: listener.on_audio_lost(silent_s)
                ),
            )

    def _count_packets(self) -> int | None:
        return None if self._call is None else packets_heard(self._call)

    def audio_facts(self) -> AudioFacts | None:
        """Return what flows, or None while there is no audio."""
        return None if self._call is None else audio_facts(self._call)

    def _audible_playback(self) -> FilePlayback | None:
        playback = self._playback
        return None if playback is None or playback.is_over else playback

    def _end(self, code: int, reason: str) -> None:
        """Let go of everything of pjsua2's, then pass on the end."""
        if self._watch is not None:
            self._watch.stop()
        self._stop_playback()
        self.stop_recording()
        self._typed.close()
        self._bay.close()
        self._dtmf.close()
        sip_code, sip_reason = self._outcome(code, reason)
        by = Side.LOCAL if self._hung_up_by_us else Side.REMOTE
        self._report(lambda listener: listener.on_disconnected(sip_code, sip_reason, by))

    def _is_tried_elsewhere(self, code: int) -> bool:
        """Call by another server, if this one could not be reached and there is another."""
        is_unreached = code == UNAVAILABLE or (code == REQUEST_TIMEOUT and not self._was_heard)
        if not (is_unreached and self._has_left) or self._hung_up_by_us or self._was_confirmed:
            return False
        return self._try_other is not None and self._try_other()

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

    def _stop_playback(self) -> None:
        if self._playback is not None:
            self._playback.stop()
            self._playback = None


def incoming_call(
    loop: Loop, account: pj.Account, prm: pj.OnIncomingCallParam, context: LegContext
) -> tuple[PjCall, SipLeg]:
    """Take an INVITE that came in; inside its callback, since the call must exist after it."""
    call = PjCall(account, loop, context.rules, prm.callId)
    invite = prm.rdata.wholeMsg
    call.read_sdp(invite)
    parties = parties_of(call, invite, context.rules)
    return call, SipLeg(loop, call, parties, context, is_outgoing=False)


def outgoing_call(loop: Loop, account: pj.Account, dialled: str, context: LegContext) -> SipLeg:
    """Make a leg whose INVITE is still to be sent."""
    parties = Parties(
        call_id=SipCallId(uuid.uuid4().hex),
        remote_uri=dialled,
        local_uri=account.getInfo().uri,
        headers=dict.fromkeys(context.rules.wanted_headers),
    )
    call = PjCall(account, loop, context.rules)
    return SipLeg(loop, call, parties, context, is_outgoing=True)
