"""Leaves out of an offer what says nothing new, so that an INVITE fits into one packet.

An INVITE with ICE and a password fills a packet by UDP; what is larger goes in fragments, and those
get lost on many ways. Everything that goes here is what a receiver takes for granted (RFC 3551,
RFC 3264, RFC 4733), or has no use for.
"""

from __future__ import annotations

import re

_NAME = "-"  # RFC 8866 §5.3: of a session that has none
# Above it, in bytes: the headers of an INVITE with a password take some 860, where names are short.
LONG = 430
# Whole lines.
_REDUNDANT = re.compile(
    # RFC 4733 §2.4.1: the digits are 0 to 15 where nothing is said. We know no flash (16).
    r"a=fmtp:\d+ 0-1[56]"
    # RFC 8866 §5.8: what the sound needs at most is known from the codec.
    r"|b=(?:AS|TIAS):\d+"
    # RFC 5576: for a sender of several streams.
    r"|a=ssrc:\d+ .*"
    # RFC 3264 §5.1: the default.
    r"|a=sendrecv"
)
# RFC 3551 §6: these payload types stand for nothing else. RFC 3264 §5.1 recommends to say it all
# the same, so this goes only where it must.
_STATIC = re.compile(r"a=rtpmap:(?:0 PCMU|3 GSM|8 PCMA|9 G722)/8000")
_SESSION_NAME = re.compile(r"s=.*")
_CONNECTION = re.compile(r"c=(IN IP[46] \S+)")
_RTCP = re.compile(r"(a=rtcp:\d+) (IN IP[46] \S+)")
_FOUNDATION = re.compile(r"(a=candidate:)([\w+/]+) ")


def slim(offer: str) -> str:
    """Return a long offer with one medium in fewer words; any other is left as it is."""
    lines = offer.splitlines()
    if len(offer) <= LONG or sum(line.startswith("m=") for line in lines) > 1:
        return offer
    here = {found[1] for line in lines if (found := _CONNECTION.fullmatch(line))}
    foundations: dict[str, str] = {}

    def shorter(found: re.Match[str]) -> str:
        name = foundations.setdefault(found[2], str(len(foundations) + 1))
        return f"{found[1]}{name} "

    kept = []
    for line in lines:
        if _REDUNDANT.fullmatch(line):
            continue
        rtcp = _RTCP.fullmatch(line)
        if rtcp and here == {rtcp[2]}:  # RFC 3605 §2.1: the address is that of the sound
            kept.append(rtcp[1])
        elif _SESSION_NAME.fullmatch(line):
            kept.append(f"s={_NAME}")
        else:
            kept.append(_FOUNDATION.sub(shorter, line))  # RFC 8839 §5.1: any token
    short = _text(kept)
    if len(short) <= LONG:
        return short
    return _text([line for line in kept if not _STATIC.fullmatch(line)])


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
