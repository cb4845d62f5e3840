"""One call leg: a pjsua2 call, seen from the loop."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.events.model import Side, SipCallId
from hasip.sip.dtmf import DtmfSender
from hasip.sip.errors import guarded, sip_errors
from hasip.sip.media import FilePlayback, Recording
from hasip.sip.patch_bay import PatchBay
from hasip.sip.received import extract_headers, party

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hasip.calls.ports import LegListener
    from hasip.commands.model import DtmfMethod
    from hasip.loop import Loop

_log = logging.getLogger(__name__)

DIGITS = frozenset("0123456789*#ABCD")
# In these the response to our INVITE can be read; once the call is up it is gone.
_STATES_OF_RESPONSES = (pj.PJSIP_INV_STATE_EARLY, pj.PJSIP_INV_STATE_CONNECTING)
# RFC 3261 §21.4.26 and §21.2.1: how a call ends that we cancelled, and one that a BYE ended.
REQUEST_TERMINATED = 487
OK = 200
# RFC 3261 §21.1: the other phone rings, or its network makes us hear that it does.
RINGS = frozenset({180, 183})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parties:
    """Who talks, as the SIP messages say it."""

    call_id: SipCallId
    remote_uri: str
    local_uri: str
    headers: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegContext:
    """What the account of a call does for it."""

    wanted_headers: tuple[str, ...]  # by `--extract-headers`
    to_uri: Callable[[str], str]  # makes a URI from what people write
    on_gone: Callable[[SipLeg], None]


class PjCall(pj.Call):
    """Receives pjsua2's callbacks, on threads of pjsip's, and passes them on by the loop.

    pjsua2 looks at this object until the call is disconnected, so `SipStack` keeps it until then
    and drops it on the loop thread: a call object that dies late ends another call, since pjsip
    gives the numbers of calls out again at once.
    """

    def __init__(
        self,
        account: pj.Account,
        loop: Loop,
        wanted_headers: tuple[str, ...],
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, call_id)
        self._loop = loop
        self._wanted_headers = wanted_headers
        self.leg: SipLeg | None = None
        # Of a call that we place: read when the INVITE leaves, since the peer's refusal may end the
        # call before `makeCall` has returned, and nothing can be read of it any more.
        self.placed: tuple[SipCallId, str] | None = None

    def post_to_leg(self, deliver: Callable[[SipLeg], None]) -> None:
        """Have the leg hear of something, on the loop thread."""

        def on_loop() -> None:
            if self.leg is not None:
                deliver(self.leg)

        self._loop.post(on_loop)

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        """Pass on that the call is up, or over: what is read now is gone later."""
        with guarded("onCallState"):
            info = self.getInfo()
            state, code, reason = info.state, info.lastStatusCode, info.lastReason
            if self.placed is None:
                self.placed = SipCallId(info.callIdString), info.localUri
            del info
            if self._wanted_headers and state in _STATES_OF_RESPONSES:
                self._pass_headers_on(prm)
            if state == pj.PJSIP_INV_STATE_EARLY and code in RINGS:
                self.post_to_leg(lambda leg: leg.heard_ringing())
            elif state == pj.PJSIP_INV_STATE_CONFIRMED:
                self.post_to_leg(lambda leg: leg.heard_connected())
            elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self.post_to_leg(lambda leg: leg.heard_disconnected(code, reason))

    def _pass_headers_on(self, prm: pj.OnCallStateParam) -> None:
        """Read the headers of a response to our INVITE."""
        event = prm.e.body.tsxState
        if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and event.type == pj.PJSIP_EVENT_RX_MSG:
            message = event.src.rdata.wholeMsg
            if message.startswith("SIP/2.0"):
                headers = extract_headers(message, self._wanted_headers)
                self.post_to_leg(lambda leg: leg.heard_headers(headers))

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802, ARG002
        """Pass on that the media changed."""
        with guarded("onCallMediaState"):
            self.post_to_leg(lambda leg: leg.heard_media_change())

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:  # noqa: N802
        """Pass on a digit, by telephone-event or INFO."""
        with guarded("onDtmfDigit"):
            digit = str(prm.digit).upper()
            self.post_to_leg(lambda leg: leg.heard_digit(digit))

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:  # noqa: N802
        """Pass on the answer to an INFO of ours."""
        with guarded("onCallTsxState"):
            tsx = prm.e.body.tsxState.tsx
            is_over = tsx.state in (pj.PJSIP_TSX_STATE_COMPLETED, pj.PJSIP_TSX_STATE_TERMINATED)
            if tsx.method == "INFO" and tsx.role == pj.PJSIP_ROLE_UAC and is_over:
                code = tsx.statusCode
                self.post_to_leg(lambda leg: leg.heard_info_answer(code))

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:  # noqa: N802
        """Pass on how a transfer goes (RFC 3515 §2.4.5)."""
        with guarded("onCallTransferStatus"):
            code, reason, is_final = prm.statusCode, prm.reason, prm.finalNotify
            self.post_to_leg(lambda leg: leg.heard_transfer(code, reason, is_final=is_final))

    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:  # noqa: N802
        """Refuse a REFER: a caller must not make the house call somebody at its expense."""
        with guarded("onCallTransferRequest"):
            prm.statusCode = pj.PJSIP_SC_DECLINE
            _log.info("A peer asked to be transferred; declined")

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:  # noqa: N802
        """Follow a 302 (RFC 3261 §8.1.3.4), as phones do."""
        with guarded("onCallRedirected"):
            _log.info("Redirected to %s", prm.targetUri)
        return int(pj.PJSIP_REDIRECT_ACCEPT_REPLACE)


class SipLeg:
    """What a session works with; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        call: PjCall,
        parties: _Parties,
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
        self._playback: FilePlayback | None = None
        self._recording: Recording | None = None
        call.leg = self

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
    def is_gone(self) -> bool:
        """Tell whether the dialog has ended."""
        return self._call is None

    def attach(self, listener: LegListener) -> None:
        """Report to `listener`, beginning with what it missed."""
        self._listener = listener
        missed, self._missed = self._missed, []
        for report in missed:
            report(listener)

    # --- what we do -------------------------------------------------------------------------

    def ring(self) -> None:
        """Send 180."""
        self._respond(pj.PJSIP_SC_RINGING)

    def answer(self) -> None:
        """Send 200."""
        self._respond(pj.PJSIP_SC_OK)

    def hang_up(self, sip_code: int | None = None) -> None:
        """End the call in whatever way its state asks for."""
        if self._call is None:
            return
        self._hung_up_by_us = True
        self._stop_playback()
        op = pj.CallOpParam()
        # pjsip takes BYE or CANCEL by itself; for an INVITE that we have not answered 603 is its
        # default too.
        op.statusCode = sip_code or pj.PJSIP_SC_DECLINE
        with sip_errors("hang up"):
            self._call.hangup(op)

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

    # --- what we hear -----------------------------------------------------------------------

    def heard_ringing(self) -> None:
        """Pass on that the other side rings."""
        if self._is_outgoing:
            self._report(lambda listener: listener.on_ringing())

    def heard_connected(self) -> None:
        """Pass on that the dialog is confirmed."""
        if not self._was_confirmed:
            self._was_confirmed = True
            self._report(lambda listener: listener.on_connected())

    def heard_digit(self, digit: str) -> None:
        """Pass on a digit; what is none (a flash, a broken INFO) is only logged."""
        if digit in DIGITS:
            self._report(lambda listener: listener.on_digit(digit))
        else:
            _log.info("[%s] %r is not a digit; ignored", self.remote_uri, digit)

    def heard_media_change(self) -> None:
        """Wire what is played to the medium that the call has now; comes on every re-INVITE."""
        if self._call is None:
            return
        with guarded("media change"):
            self._bay.use(_active_audio(self._call))

    def heard_headers(self, headers: Mapping[str, str | None]) -> None:
        """Pass on the headers of a response."""
        self._parties = replace(self._parties, headers=headers)
        self._report(lambda listener: listener.on_headers(headers))

    def heard_info_answer(self, code: int) -> None:
        """Let the next digit go."""
        self._dtmf.heard_info_answer(code)

    def heard_transfer(self, code: int, reason: str, *, is_final: bool) -> None:
        """Pass on how a transfer goes."""
        self._report(lambda listener: listener.on_transfer(code, reason, is_final=is_final))

    def heard_disconnected(self, code: int, reason: str) -> None:
        """Let go of everything of pjsua2's, then pass on the end."""
        if self._call is None:
            return
        self._stop_playback()
        self.stop_recording()
        self._bay.close()
        self._dtmf.close()
        self._call.leg = None
        self._call = None
        sip_code, sip_reason = self._outcome(code, reason)
        by = Side.LOCAL if self._hung_up_by_us else Side.REMOTE
        self._context.on_gone(self)
        self._report(lambda listener: listener.on_disconnected(sip_code, sip_reason, by))

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


def _active_audio(call: PjCall) -> pj.AudioMedia | None:
    """Return the medium to send to, or None while there is none (on hold, or no audio)."""
    info = call.getInfo()  # kept: the list of media lives in it
    for index, media in enumerate(info.media):
        if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in (
            pj.PJSUA_CALL_MEDIA_ACTIVE,
            pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
        ):
            return call.getAudioMedia(index)
    return None


def incoming_call(
    loop: Loop, account: pj.Account, prm: pj.OnIncomingCallParam, context: LegContext
) -> tuple[PjCall, SipLeg]:
    """Take an INVITE that came in; inside its callback, since the call must exist after it."""
    call = PjCall(account, loop, context.wanted_headers, prm.callId)
    info, invite = call.getInfo(), prm.rdata.wholeMsg
    parties = _Parties(
        call_id=SipCallId(info.callIdString),
        remote_uri=party(invite, "From") or info.remoteUri,
        local_uri=party(invite, "To") or info.localUri,
        headers=extract_headers(invite, context.wanted_headers),
    )
    return call, SipLeg(loop, call, parties, context, is_outgoing=False)


def place_call(
    loop: Loop, account: pj.Account, dialled: str, context: LegContext
) -> tuple[PjCall, SipLeg]:
    """Send an INVITE to what was dialled; raises `SipError`, and then there was no call."""
    call = PjCall(account, loop, context.wanted_headers)
    op = pj.CallOpParam(True)  # noqa: FBT003 - pjsua2's own default settings
    op.opt.audioCount = 1
    op.opt.videoCount = 0
    if hasattr(op.opt, "textCount"):  # since pjproject 2.16; makes the INVITE larger for nothing
        op.opt.textCount = 0
    with sip_errors(f"call {dialled}"):
        call.makeCall(context.to_uri(dialled), op)
    # The first state, CALLING, was reported from within `makeCall`.
    call_id, local_uri = call.placed or (SipCallId(""), account.getInfo().uri)
    parties = _Parties(
        call_id=call_id,
        remote_uri=dialled,
        local_uri=local_uri,
        headers=dict.fromkeys(context.wanted_headers),
    )
    return call, SipLeg(loop, call, parties, context, is_outgoing=True)
