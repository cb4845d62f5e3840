"""How legs come to be: of an INVITE that came in, or for one that is still to be sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hasip.events.model import SipCallId
from hasip.sip.call import SipLeg
from hasip.sip.pj_call import Parties, PjCall

if TYPE_CHECKING:
    import pjsua2 as pj

    from hasip.loop import Loop
    from hasip.sip.call import LegContext


# RFC 3261 §8.1.1.4: so that nobody else has it. It is in every message of the call.
_CALL_ID_BYTES = 10


def incoming_call(
    loop: Loop, account: pj.Account, prm: pj.OnIncomingCallParam, context: LegContext
) -> tuple[PjCall, SipLeg]:
    """Take an INVITE that came in; inside its callback, since the call must exist after it."""
    call = PjCall(account, loop, context.rules, prm.callId)
    invite = prm.rdata.wholeMsg
    parties = call.take_invite(invite)
    return call, SipLeg(loop, call, parties, context, is_outgoing=False)


def outgoing_call(
    loop: Loop, account: pj.Account, local_uri: str, dialled: str, context: LegContext
) -> SipLeg:
    """Make a leg whose INVITE is still to be sent."""
    parties = Parties(
        call_id=SipCallId(os.urandom(_CALL_ID_BYTES).hex()),
        remote_uri=dialled,
        local_uri=local_uri,
        headers=dict.fromkeys(context.rules.wanted_headers),
    )
    call = PjCall(account, loop, context.rules)
    return SipLeg(loop, call, parties, context, is_outgoing=True)
