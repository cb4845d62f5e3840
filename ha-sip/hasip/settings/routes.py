"""Checks that what an account's URIs ask for is switched on: transports and IPv6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hasip.calls.uri import host_of, transport_of
from hasip.settings.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hasip.settings.model import Account, GlobalOptions


def route_problems(
    account: Account, general: GlobalOptions, names: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield what can't work; `names` are the user's of `registrar_uri`, `id_uri` and `options`."""
    is_on = {"udp": general.udp, "tcp": general.tcp, "tls": general.tls}
    for key, uri in _uris(account):
        transport = transport_of(uri)
        if transport is None:
            if key != "id_uri" and not general.udp and not _is_found_by_tcp(uri, general):
                on = "tcp" if general.tcp else "tls"
                text = f"names no transport, and UDP is off; write {uri};transport={on}"
                yield Problem(names[key], text, uri)
        elif transport not in is_on:
            yield Problem(names[key], f"transport must be one of {', '.join(is_on)}", uri)
        elif not is_on[transport]:
            name = transport.upper()
            text = f"needs {name}, which is off; add --{transport} on to the global options"
            yield Problem(names[key], text, uri)
        if (host_of(uri) or "").startswith("[") and not general.uses_ipv6:
            text = "is an IPv6 address, and IPv6 is off; add --ipv6 on to the global options"
            yield Problem(names[key], text, uri)


def route_warnings(account: Account, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what works, but perhaps not as it is meant."""
    first = account.options.proxy or account.registrar_uri or account.id_uri
    if account.options.srtp != "disabled" and transport_of(first) != "tls":
        yield (
            f"{names['options']}: --srtp {account.options.srtp} without TLS: the keys can be read "
            f"on the way; add ;transport=tls to {first} if the other side takes it"
        )


def _uris(account: Account) -> Iterator[tuple[str, str]]:
    yield "id_uri", account.id_uri
    if account.registrar_uri is not None:
        yield "registrar_uri", account.registrar_uri
    if account.options.proxy is not None:
        yield "options", account.options.proxy


def _is_found_by_tcp(uri: str, general: GlobalOptions) -> bool:
    """Tell whether a URI without transport goes by TCP: a name is looked up, for what is on."""
    host = host_of(uri) or ""
    return general.tcp and re.fullmatch(r"\[.*|[\d.]+(:\d+)?", host) is None
