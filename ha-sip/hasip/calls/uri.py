"""Reads what users and automations need from a SIP URI, as text."""

from __future__ import annotations

import re
from urllib.parse import unquote

_NUMBER = re.compile(r"(?:sips?|tel):([^@;>]*)", re.IGNORECASE)
# A telephone number with what people write into one to read it better (RFC 3966 §5.1.1).
# Only one way to match each: a caller chooses the text, and another one would take quadratic time.
_TELEPHONE = re.compile(r"\+?[*#().-]*\d[\d*#().-]*", re.ASCII)
_SEPARATORS = str.maketrans("", "", "().-")
_TRANSPORT = re.compile(r";\s*transport\s*=\s*(\w+)", re.IGNORECASE)
# Of the first scheme only: to try each would take quadratic time.
_HOST = re.compile(r"(?>(?s:.*?)sips?:)(?:[^@>]*+@)?([^;>?]+)", re.IGNORECASE)
# A name-addr (RFC 3261 §25.1). The display name is whatever the caller likes, also another's URI.
_NAME_ADDR = re.compile(r'\s*+((?:"(?:[^"\\]|\\.)*"|[^"<]*+)\s*+)<([^>]*+)>')
_WITH_SCHEME = re.compile(r'\s*+(?:\S++\s++|"[^"]*+"\s*+)?<?\s*+(?:sips?|tel):', re.IGNORECASE)
_SECURE = re.compile(r"<?\s*sips:", re.IGNORECASE)


def parse_number(uri: str) -> str:
    """Return what stands between `sip:`, `sips:` or `tel:` and the first of `@ ; >` or the end.

    A text without a scheme is returned as it is: it is a number already. What a display name says
    does not count: whose calls are answered is decided by the number.
    """
    found = _NUMBER.search(addr_spec(uri))
    return found[1] if found else uri


def who(uri: str) -> str:
    """Return the number in a URI in the one form that it is compared in.

    `%35` is `5` (RFC 3261 §19.1.4); what separates the digits of a telephone number is no part of
    it (RFC 3966 §5), nor is a password part of a name. Upper and lower case are not the same.
    """
    number = parse_number(uri)
    if "@" in addr_spec(uri):
        number = number.partition(":")[0]
    number = unquote(number)
    return number.translate(_SEPARATORS) if _TELEPHONE.fullmatch(number) else number


def addr_spec(uri: str) -> str:
    """Return the URI in a From or To without display name, brackets and parameters of the header.

    A URI without brackets is returned as it is.
    """
    found = _NAME_ADDR.match(uri)
    if found is not None:
        return found[2]
    # Quotes that are not closed; pjsip takes no such call.
    return uri.rpartition("<")[2].partition(">")[0] if "<" in uri else uri


def without_display_name(party: str) -> str:
    """Return a From or To from its bracket on."""
    found = _NAME_ADDR.match(party)
    return party if found is None else party[found.end(1) :]


def host_of(uri: str) -> str | None:
    """Return host and port of a SIP URI (`fritz.box`, `10.0.0.1:5070`), or None without one."""
    found = _HOST.match(uri)
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
    return _WITH_SCHEME.match(uri) is not None


def own_uri(dialled: str, id_uri: str, registrar_uri: str | None) -> str:
    """Return the URI that is called for what people write.

    A bare number is one of the account's domain. At the account's own server a call goes by the
    transport, and to the port, that the account is registered by: such a server often takes no
    other. A URI that names a transport, or another port, is left as it is.
    """
    domain = host_of(id_uri)
    uri = dialled if has_scheme(dialled) else f"sip:{dialled}@{domain}"
    server = registrar_uri or id_uri
    transport, called, at = transport_of(server), host_of(uri), host_of(server)
    if transport in (None, "udp") or transport_of(uri) is not None or called is None:
        return uri
    if domain is None or at is None or called.lower() not in _names(domain, at):
        return uri
    if _without_port(called) == _without_port(at):
        uri = uri.replace(f"@{called}", f"@{at}", 1)
        called = at
    end = uri.index(called, uri.find("@") + 1) + len(called)
    return f"{uri[:end]};transport={transport}{uri[end:]}"


def _names(domain: str, server: str) -> frozenset[str]:
    """Return what the account's own server is called, with its port and without."""
    both = (domain.lower(), server.lower())
    return frozenset((*both, *map(_without_port, both)))


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host).lower()
