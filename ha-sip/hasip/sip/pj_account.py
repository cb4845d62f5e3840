"""A pjsua2 account: its callbacks, which pjsip's threads call, posted to the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.sip.errors import guarded
from hasip.sip.new_legs import incoming_call
from hasip.sip.new_requests import BAD_REQUEST
from hasip.sip.pj_call import PjCall
from hasip.sip.received import clean, sent_by
from hasip.sip.replaces import read_replaces
from hasip.sip.sources import address_in

if TYPE_CHECKING:
    from hasip.loop import Loop
    from hasip.sip.account import SipAccount
    from hasip.sip.replaces import Replaces

OK = 200
FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Granted:
    """What a registrar's 200 says."""

    transport: str | None  # that the REGISTER went by: "UDP", "TCP", "TLS"
    expires_s: int
    source: str  # where it came from, with the port


class PjAccount(pj.Account):
    """Receives pjsua2's callbacks, on threads of pjsip's, and posts them to the loop."""

    def __init__(self, loop: Loop, owner: SipAccount) -> None:
        super().__init__()
        self._loop = loop
        self._owner: SipAccount | None = owner

    def forget_owner(self) -> None:
        """Break the circle between the two objects, so that this one can die."""
        self._owner = None

    def onRegState(self, prm: pj.OnRegStateParam) -> None:  # noqa: N802
        """Pass on the registrar's answer, or that there was none."""
        with guarded("onRegState"):
            code, reason, owner = prm.code, clean(prm.reason), self._owner
            granted = None
            if code == OK:
                granted = Granted(sent_by(prm.rdata.wholeMsg), prm.expiration, prm.rdata.srcAddress)
            if owner is not None:
                self._loop.post(lambda: owner.heard_registration(code, reason, granted))

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        """Pass on a call."""
        with guarded("onIncomingCall"):
            owner = self._owner
            if owner is None:
                return
            taker = owner.taker(address_in(prm.rdata.srcAddress))
            if taker is None:  # only where `Doorman` could not ask before
                self._refuse(owner, prm.callId, FORBIDDEN)
                return
            taker.log_headers(prm.rdata.wholeMsg)
            try:
                replaces = read_replaces(prm.rdata.wholeMsg)
            except ValueError:  # only where `NewRequests` could not read it before
                self._refuse(owner, prm.callId, BAD_REQUEST)
                return
            if replaces is None:
                call, leg = incoming_call(self._loop, self, prm, taker.context)
                self._loop.post(lambda: taker.heard_call(call, leg))
            else:
                self._pass_successor_on(taker, prm, replaces)

    def _pass_successor_on(
        self, taker: SipAccount, prm: pj.OnIncomingCallParam, replaces: Replaces
    ) -> None:
        call = PjCall(self, self._loop, taker.context.rules, prm.callId)
        parties = call.take_invite(prm.rdata.wholeMsg)
        self._loop.post(lambda: taker.heard_successor(call, parties, replaces))

    def _refuse(self, owner: SipAccount, call_id: int, code: int) -> None:
        call = PjCall(self, self._loop, owner.context.rules, call_id)
        self._loop.post(lambda: owner.refuse(call, code))
