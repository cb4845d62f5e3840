"""Lines for the log on calls that found no codec, no encryption, or no room; texts only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.sip import sdp
from hasip.sip.received import header_value

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 3261 §21.4.13, §21.4.26 and §21.6.4: what the offer holds is not acceptable.
MEDIA_REFUSED = frozenset({415, 488, 606})
_BAD_REQUEST = 400


def refused_by_peer(code: int, offer: str, response: str) -> str:
    """Say what was offered to a peer that took none of it, and what it says that it has."""
    theirs = sdp.codecs(response)
    has = f"the other side has {_media(response)}" if theirs else "it does not say what it has"
    warning = header_value(response, "Warning")
    said = f" (Warning: {warning})" if warning else ""
    return f"refused with {code}: we offered {_media(offer)}; {has}{said}"


def refused_by_us(caller: str, code: int, invite: str, ours: Iterable[str]) -> str:
    """Say why pjsip refused a call before anybody could be asked."""
    refused = f"Refused a call from {caller} with {code}"
    if code == _BAD_REQUEST:
        return f"{refused}: its SDP is broken"
    if code not in MEDIA_REFUSED:
        return f"{refused}: as many calls are up as pjsua2 was built for"
    return f"{refused}: it offers {_media(invite)}; we have {', '.join(ours)} (--codecs, --srtp)"


def _media(message: str) -> str:
    """Return codecs and transport: `PCMA, PCMU by RTP/AVP`."""
    codecs = ", ".join(sdp.codecs(message)) or "no audio"
    protocol = sdp.protocol(message)
    return codecs if protocol is None else f"{codecs} by {protocol}"
