"""A pjsua2 call: its callbacks, which pjsip's threads call, and what they answer at once.

What can wait is posted to the loop, to whoever has the call then: its leg (`call.py`), or what is
in place before and after a leg has it (`succession.py`).

Redirects and transfers are decided here, inside the callbacks: pjsip acts on the answer when they
return. Left to their defaults, both end the process (a 302 by an assertion, a REFER since pjsua2
gives the new call to an object that has one already).
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import weakref
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.events.model import SipCallId, Takeover
from hasip.sip import sdp
from hasip.sip.departed import departed
from hasip.sip.errors import OverError, guarded, sip_errors
from hasip.sip.received import (
    clean,
    digit_of_info,
    extract_headers,
    is_taken_elsewhere,
    party,
    tag,
)
from hasip.sip.redirects import Redirects, Verdict, bare_uri, is_sip
from hasip.sip.refusals import MEDIA_REFUSED, refused_by_peer
from hasip.sip.slim import slim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.loop import Loop
    from hasip.sip.replaces import Replaces

_log = logging.getLogger(__name__)

# In these the response to our INVITE can be read; once the call is up it is gone.
_STATES_OF_RESPONSES = (pj.PJSIP_INV_STATE_EARLY, pj.PJSIP_INV_STATE_CONNECTING)
# In the object of `pj::Call` (pjsua2/call.hpp), after the virtual functions and the account.
_NUMBER_AT = 2 * ctypes.sizeof(ctypes.c_void_p)
# RFC 3261 §21.6.2; RFC 3891 §3: also for a call that is over by now.
DECLINED = 603
# RFC 3261 §21.1: the other phone rings, or its network makes us hear that it does.
RINGS = frozenset({180, 183})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """What an account lets others do with its calls."""

    wanted_headers: tuple[str, ...]  # by `--extract-headers`
    follow_redirect: bool
    follow_transfer: bool
    rtp_timeout_s: float  # 0: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who talks, as the SIP messages say it."""

    call_id: SipCallId
    remote_uri: str
    local_uri: str
    headers: Mapping[str, str | None]


class CallEars:
    """Hears of a call, on the loop thread; by default nothing of it matters."""

    def heard_response(self) -> None:
        """Take note that the server said something to an INVITE of ours."""

    def heard_ringing(self) -> None:
        """Take note that the other side rings."""

    def heard_connected(self) -> None:
        """Take note that the dialog is confirmed."""

    def heard_digit(self, digit: str) -> None:
        """Take a digit, or what a peer calls one."""

    def heard_media_change(self) -> None:
        """Take note that there are other media; comes on every re-INVITE."""

    def heard_headers(self, headers: Mapping[str, str | None]) -> None:
        """Take the headers of a response to our INVITE."""

    def heard_info_answer(self, code: int) -> None:
        """Take the final response to an INFO."""

    def heard_taken_elsewhere(self) -> None:
        """Take note that another phone answered the call, which now ends here."""

    def heard_transfer(self, code: int, reason: str, *, is_final: bool) -> None:
        """Take note of how a transfer of ours goes."""

    def heard_successor(self, call: PjCall, parties: Parties | None, how: Takeover) -> None:
        """Take a call that is to take the place of this one; None: it is one that we place."""

    def refusal(self, *, is_early_only: bool) -> int | None:  # noqa: ARG002
        """Return the code to refuse a call with that wants to take the place of this one."""
        return DECLINED

    def heard_disconnected(self, code: int, reason: str) -> None:
        """Take note that the dialog is over."""


_alive: weakref.WeakSet[PjCall] = weakref.WeakSet()


def leave_to_pjsip() -> None:
    """Have no call die after pjsip has: its destructor asks pjsip for it, which is an assertion.

    A call may still be in a message that the loop does not read any more when the program ends.
    """
    for call in list(_alive):
        call.__disown__()


def offer_audio(offer: pj.CallSetting) -> None:
    """Have a call offer audio only; every other medium makes its INVITE larger for nothing."""
    offer.audioCount = 1
    offer.videoCount = 0
    if hasattr(offer, "textCount"):  # since pjsip 2.16
        offer.textCount = 0


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
        rules: CallRules,
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, call_id)
        _alive.add(self)
        self.account = account
        self._loop = loop
        self._rules = rules
        self.ears: CallEars | None = None
        # pjsip may give the number to another call from now on, before the loop hears of the end:
        # nothing may be done by it any more.
        self.is_over = False
        self.redirects = Redirects(follow=rules.follow_redirect)
        self.has_successor = False  # a call waits to take this one's place
        # pjsua2 may look at those it was given as long as at this one.
        self._successors: list[PjCall] = []
        self._remote_tag = ""
        # Of a call that we place: read when the INVITE leaves, since the peer's refusal may end the
        # call before `makeCall` has returned, and nothing can be read of it any more.
        self.placed: tuple[SipCallId, str] | None = None
        self._offer = ""  # our SDP
        self.leaves_silence_out = False  # the peer may send nothing while nobody speaks
        self.target = ""  # of a call that we place since a peer's REFER asks for it

    def isActive(self) -> bool:  # noqa: N802 - pjsua2's name
        """Tell whether it is this call that goes on, not another one that has its number."""
        return not self.is_over and bool(super().isActive())

    def post(self, deliver: Callable[[CallEars], None]) -> None:
        """Have whoever has the call then hear of something, on the loop thread."""

        def on_loop() -> None:
            if self.ears is not None:
                deliver(self.ears)

        self._loop.post(on_loop)

    def take_invite(self, invite: str) -> Parties:
        """Return who talks, by the INVITE that brought this call."""
        self.read_sdp(invite)
        info = self.getInfo()
        self.placed = SipCallId(clean(info.callIdString)), clean(info.localUri)
        self._remote_tag = tag(invite, "From")
        departed.came_back(self.placed[0], self._remote_tag)
        return Parties(
            call_id=self.placed[0],
            remote_uri=party(invite, "From") or clean(info.remoteUri),
            local_uri=party(invite, "To") or clean(info.localUri),
            headers=extract_headers(invite, self._rules.wanted_headers),
        )

    def is_meant(self, replaces: Replaces) -> bool:
        """Tell whether this is the call that another is to replace, as far as it is a call."""
        return (
            self.placed is not None
            and clean(self.placed[0]) == clean(replaces.call_id)
            and self._remote_tag.lower() == replaces.remote_tag.lower()
        )

    def read_sdp(self, message: str) -> None:
        """Take note of what a message of the peer's says of its media."""
        if sdp.codecs(message):
            self.leaves_silence_out = sdp.leaves_silence_out(message)

    def respond(self, code: int) -> None:
        """Answer the INVITE that brought this call; raises `SipError`."""
        if self.is_over:  # its number may be another call's by now
            return
        op = pj.CallOpParam()
        op.statusCode = code
        with sip_errors(f"answer with {code}"):
            self.answer(op)

    def end(self, sip_code: int | None = None) -> None:
        """Hang up in whatever way the call's state asks for; raises `SipError`."""
        # Never placed: pjsua does not look at that. Over: its number may be another call's by now.
        if self.getId() < 0 or self.is_over:
            return
        op = pj.CallOpParam()
        # pjsip takes BYE or CANCEL by itself; for an INVITE that we have not answered 603 is its
        # default too.
        op.statusCode = sip_code or pj.PJSIP_SC_DECLINE
        with contextlib.suppress(OverError), sip_errors("hang up"):
            self.hangup(op)

    def let_die(self) -> None:
        """Have the object end nothing but itself when nobody has it any more: its call is over.

        Its destructor would hang up the call that has its number by then, and it may come late: a
        call's object keeps those of its successors. Those would never come: to hand an object to
        pjsua2 (`prm.newCall`) means to SWIG that it is not ours any more, though pjsua2 leaves it.
        """
        number = ctypes.c_int.from_address(int(self.this) + _NUMBER_AT)
        if number.value == self.getId():  # else it is a pjsua2 that we do not know
            number.value = int(pj.PJSUA_INVALID_ID)
            self.this.own(True)  # noqa: FBT003 - SWIG's

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        """Pass on that the call is up, or over: what is read now is gone later."""
        with guarded("onCallState"):
            info = self.getInfo()
            state, code, reason = info.state, info.lastStatusCode, clean(info.lastReason)
            if self.placed is None:
                self.placed = SipCallId(info.callIdString), info.localUri
            del info
            if self._rules.wanted_headers and state in _STATES_OF_RESPONSES:
                self._pass_headers_on(prm)
            if state == pj.PJSIP_INV_STATE_EARLY and code in RINGS:
                self.post(lambda ears: ears.heard_ringing())
            elif state == pj.PJSIP_INV_STATE_CONFIRMED:
                self.post(lambda ears: ears.heard_connected())
            elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self.is_over = True
                departed.add(clean(self.placed[0]), self._remote_tag)
                # pjsip says 487 where it was we who followed no further.
                code, reason = self.redirects.not_followed or (code, reason)
                if code in MEDIA_REFUSED and self._offer:
                    _log.warning("%s", refused_by_peer(code, self._offer, _response_in(prm.e)))
                self.post(lambda ears: ears.heard_disconnected(code, reason))

    def _pass_headers_on(self, prm: pj.OnCallStateParam) -> None:
        """Read the headers of a response to our INVITE."""
        event = prm.e.body.tsxState
        if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and event.type == pj.PJSIP_EVENT_RX_MSG:
            message = event.src.rdata.wholeMsg
            if message.startswith("SIP/2.0"):
                headers = extract_headers(message, self._rules.wanted_headers)
                self.post(lambda ears: ears.heard_headers(headers))

    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:  # noqa: N802
        """Remember what we offer, and keep it short."""
        with guarded("onCallSdpCreated"):
            self._offer = prm.sdp.wholeSdp
            if not prm.remSdp.wholeSdp:
                prm.sdp.wholeSdp = slim(self._offer)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802, ARG002
        """Pass on that the media changed."""
        with guarded("onCallMediaState"):
            self.post(lambda ears: ears.heard_media_change())

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:  # noqa: N802
        """Pass on a digit, by telephone-event or INFO."""
        with guarded("onDtmfDigit"):
            digit = str(prm.digit).upper()
            self.post(lambda ears: ears.heard_digit(digit))

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:  # noqa: N802
        """Pass on answers to INVITE and INFO, and why a call is taken back; read the media."""
        with guarded("onCallTsxState"):
            event = prm.e.body.tsxState
            tsx = event.tsx
            if event.type == pj.PJSIP_EVENT_RX_MSG:
                message = event.src.rdata.wholeMsg
                self.read_sdp(message)
                if tsx.method == "INVITE":
                    if message.startswith("SIP/2.0"):
                        self._remote_tag = tag(message, "To")
                    self.post(lambda ears: ears.heard_response())
                elif tsx.method == "CANCEL" and is_taken_elsewhere(message):
                    self.post(lambda ears: ears.heard_taken_elsewhere())
                elif tsx.method == "INFO" and tsx.role == pj.PJSIP_ROLE_UAS:
                    self._read_info(message)
            is_over = tsx.state in (pj.PJSIP_TSX_STATE_COMPLETED, pj.PJSIP_TSX_STATE_TERMINATED)
            if tsx.method == "INFO" and tsx.role == pj.PJSIP_ROLE_UAC and is_over:
                code = tsx.statusCode
                self.post(lambda ears: ears.heard_info_answer(code))

    def _read_info(self, info: str) -> None:
        digit = digit_of_info(info)
        if digit is not None:
            self.post(lambda ears: ears.heard_digit(digit))

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:  # noqa: N802
        """Pass on how a transfer goes (RFC 3515 §2.4.5)."""
        with guarded("onCallTransferStatus"):
            code, reason, is_final = prm.statusCode, clean(prm.reason), prm.finalNotify
            self.post(lambda ears: ears.heard_transfer(code, reason, is_final=is_final))

    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:  # noqa: N802
        """Refuse a REFER, or let pjsip call its target and tell the peer how that goes."""
        prm.statusCode = pj.PJSIP_SC_DECLINE
        with guarded("onCallTransferRequest"):
            if not self._rules.follow_transfer:
                # A caller must not make the house call somebody at its expense.
                _log.info("A peer asked to be transferred to %s; declined", prm.dstUri)
            elif not is_sip(prm.dstUri):
                _log.info(
                    "A peer asked to be transferred to %s; that is no SIP address", prm.dstUri
                )
                prm.statusCode = pj.PJSIP_SC_UNSUPPORTED_URI_SCHEME
            elif self.has_successor or self.ears is None:
                _log.info("A peer asked to be transferred to %s once more; declined", prm.dstUri)
            else:
                successor = PjCall(self.account, self._loop, self._rules)
                successor.target = clean(bare_uri(prm.dstUri))
                successor.redirects.begin(successor.target)
                prm.newCall = successor
                offer_audio(prm.opt)
                prm.statusCode = pj.PJSIP_SC_ACCEPTED
                self._announce(successor, self.ears)

    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:  # noqa: N802
        """Refuse what `NewRequests` could not take out of pjsua's hands (RFC 3891)."""
        prm.statusCode = pj.PJSIP_SC_BUSY_HERE
        with guarded("onCallReplaceRequest"):
            _log.warning("Refused a call that was to replace another: not known in this pjsua2")

    def _announce(self, successor: PjCall, ears: CallEars) -> None:
        """Tell who has the call, even where he has let go of it by then."""
        self.has_successor = True
        self._successors.append(successor)
        self._loop.post(lambda: ears.heard_successor(successor, None, Takeover.REFER))

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:  # noqa: N802
        """Follow a 3xx (RFC 3261 §8.1.3.4) to the next of its addresses, or to none."""
        verdict = Verdict.STOP
        with guarded("onCallRedirected"):
            verdict = self.redirects.judge(prm.targetUri, _response_in(prm.e))
        return _OF_PJSIP[verdict]


_OF_PJSIP = {
    Verdict.FOLLOW: int(pj.PJSIP_REDIRECT_ACCEPT_REPLACE),
    Verdict.NEXT: int(pj.PJSIP_REDIRECT_REJECT),
    Verdict.STOP: int(pj.PJSIP_REDIRECT_STOP),
}


def _response_in(event: pj.SipEvent) -> str:
    """Return the message that redirects, as far as it can be read."""
    state = event.body.tsxState
    if event.type != pj.PJSIP_EVENT_TSX_STATE or state.type != pj.PJSIP_EVENT_RX_MSG:
        return ""
    return str(state.src.rdata.wholeMsg)
