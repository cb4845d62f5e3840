"""Reads what users and automations need from a SIP URI, as text."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"sips?:([^@;>]*)", re.IGNORECASE)
_TRANSPORT = re.compile(r";\s*transport\s*=\s*(\w+)", re.IGNORECASE)
_HOST = re.compile(r"sips?:(?:[^@>]*@)?([^;>?]+)", re.IGNORECASE)
_SECURE = re.compile(r"<?\s*sips:", re.IGNORECASE)


def parse_number(uri: str) -> str:
    """Return what stands between `sip:` or `sips:` and the first of `@ ; >` or the end.

    A text without a scheme is returned as it is: it is a number already.
    """
    found = _NUMBER.search(uri)
    return found[1] if found else uri


def host_of(uri: str) -> str | None:
    """Return host and port of a SIP URI (`fritz.box`, `10.0.0.1:5070`), or None without one."""
    found = _HOST.search(uri)
    return found[1] if found else None


def transport_of(uri: str) -> str | None:
    """Return the transport that a URI asks for, `udp`, `tcp` or `tls`; None where it does not.

    `sips:` asks for TLS whatever its parameter says (RFC 3261 §26.2.2).
    """
    if _SECURE.match(uri):
        return "tls"
    found = _TRANSPORT.search(uri)
    return found[1].lower() if found else None


def has_scheme(uri: str) -> bool:
    """Tell whether the text is a URI, not a bare number."""
    return (
        re.match(r"\s*(?:\S+\s+|\"[^\"]*\"\s*)?<?\s*(?:sips?|tel):", uri, re.IGNORECASE) is not None
    )
