"""A call as in the events of the user's document."""

from __future__ import annotations

from hasip.events.model import CallInfo, Direction, InternalId, SipCallId

CALL = CallInfo(
    internal_id=InternalId("something-unique"),
    call_id=SipCallId("abc"),
    sip_account=1,
    direction=Direction.INCOMING,
    remote_uri="<sip:5551234456@fritz.box>",
    local_uri="<sip:homeassistant@fritz.box>",
    parsed_remote_uri="5551234456",
    parsed_local_uri="homeassistant",
    headers={"X-Door": None},
    webhooks={"call_established": "special"},
)
