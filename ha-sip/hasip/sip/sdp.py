"""What a session description says (RFC 8866), as text; pjsip negotiates, this is for people."""

from __future__ import annotations

import re

_AUDIO = re.compile(r"^m=audio (\d+) (\S+) ([^\r\n]*)", re.MULTILINE)
_RTPMAP = re.compile(r"^a=rtpmap:([0-9]{1,3}) ([^/\s]+)", re.MULTILINE)
_TYPE = re.compile(r"[0-9]{1,3}")
# RFC 3551 §6: payload types that need no rtpmap.
_STATIC = {0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 13: "CN", 18: "G729"}
_NO_CODECS = frozenset({"telephone-event", "cn"})
# RFC 3389, RFC 3108, RFC 7587: the peer may send nothing while nobody speaks.
_LEAVES_SILENCE_OUT = re.compile(
    r"^a=silenceSupp:on|^a=fmtp:\d+ [^\r\n]*\busedtx=1|^a=rtpmap:\d+ CN/",
    re.MULTILINE | re.IGNORECASE,
)
_COMFORT_NOISE = "13"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
# Of a body, the lines that count; between parts, also those with dashes, and all that are blank.
_LINE = rb"^(?:(?P<media>(?:[^\n]*\r)?m=)|(?P<address>c=))[^\n]*"
_LINES = re.compile(_LINE, re.MULTILINE)
_LINES_OF_PARTS = re.compile(rb"%b|^[^\n]*--[^\n]*|^\s*$" % _LINE, re.MULTILINE)
_LENGTH = re.compile(rb"^(?:Content-Length|l)\s*:\s*(\d{1,9})", re.MULTILINE | re.IGNORECASE)


def codecs(message: str) -> tuple[str, ...]:
    """Return the names of the audio codecs that a message offers or takes, in its order."""
    audio = _AUDIO.search(message)
    if audio is None:
        return ()
    names = {int(number): name for number, name in _RTPMAP.findall(message)}
    numbers = [int(word) for word in audio[3].split() if _TYPE.fullmatch(word)]
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


def lacks_address(message: bytes) -> bool:
    """Tell whether an SDP in it has media without an address: without `c=`, and none for all.

    In doubt it is said to lack one. pjsip reads the body as far as the Content-Length, and of parts
    (multipart) only what is between two boundaries; so an address counts where any reader finds it.
    """
    head, body = _halves(message)
    lengths = [int(length) for length in _LENGTH.findall(head)]
    known = min([len(body.partition(b"\0")[0]), *lengths])
    has_parts = b"multipart" in head.lower()
    for_all = in_media = is_owed = False
    for line in (_LINES_OF_PARTS if has_parts else _LINES).finditer(body):
        if line["media"]:
            if is_owed:
                return True
            in_media, is_owed = True, not for_all
        elif line["address"] and line.end() <= known:
            for_all, is_owed = for_all or not in_media, False
        elif has_parts and (b"--" in line[0] or not line["address"]):
            if is_owed:
                return True
            for_all = in_media = False
    return is_owed


def _halves(message: bytes) -> tuple[bytes, bytes]:
    end = _BLANK_LINE.search(message)
    return (message, b"") if end is None else (message[: end.start()], message[end.end() :])
