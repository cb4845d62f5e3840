"""Asks name servers for records (RFC 1035). Loaded only where the settings name some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.exception
import dns.resolver

if TYPE_CHECKING:
    from collections.abc import Sequence

# How long one name server is waited for, and all of them.
NAME_SERVER_S = 1.5
QUESTION_S = 5.0


class NameServers:
    """Those at the given addresses, in their order."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = list(addresses)
        self._resolver.timeout = NAME_SERVER_S
        self._resolver.lifetime = QUESTION_S

    def ask(self, name: str, kind: str) -> list[Any]:
        """Return the records of a kind, such as SRV; raises `OSError` where nobody tells."""
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from error
