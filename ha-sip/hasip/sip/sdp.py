"""What a session description says (RFC 8866), as text; pjsip negotiates, this is for people."""

from __future__ import annotations

import re

_AUDIO = re.compile(r"^m=audio (\d+) (\S+) ([^\r\n]*)", re.MULTILINE)
_RTPMAP = re.compile(r"^a=rtpmap:(\d+) ([^/\s]+)", re.MULTILINE)
# RFC 3551 §6: payload types that need no rtpmap.
_STATIC = {0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 13: "CN", 18: "G729"}
_NO_CODECS = frozenset({"telephone-event", "cn"})
# RFC 3389, RFC 3108, RFC 7587: the peer may send nothing while nobody speaks.
_LEAVES_SILENCE_OUT = re.compile(
    r"^a=silenceSupp:on|^a=fmtp:\d+ [^\r\n]*\busedtx=1|^a=rtpmap:\d+ CN/",
    re.MULTILINE | re.IGNORECASE,
)
_COMFORT_NOISE = "13"


def codecs(message: str) -> tuple[str, ...]:
    """Return the names of the audio codecs that a message offers or takes, in its order."""
    audio = _AUDIO.search(message)
    if audio is None:
        return ()
    names = {int(number): name for number, name in _RTPMAP.findall(message)}
    numbers = [int(word) for word in audio[3].split() if word.isdigit()]
    found = [names.get(number) or _STATIC.get(number, f"type {number}") for number in numbers]
    return tuple(dict.fromkeys(name for name in found if name.lower() not in _NO_CODECS))


def protocol(message: str) -> str | None:
    """Return how the audio is to be carried: RTP/AVP, or RTP/SAVP where it is encrypted."""
    audio = _AUDIO.search(message)
    return None if audio is None else audio[2]


def leaves_silence_out(message: str) -> bool:
    """Tell whether the sender may stop sending while nobody speaks."""
    audio = _AUDIO.search(message)
    if audio is None:
        return False
    return _COMFORT_NOISE in audio[3].split() or bool(_LEAVES_SILENCE_OUT.search(message))
