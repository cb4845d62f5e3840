"""Locating SIP servers (RFC 3263): from a URI to the addresses to try, in order.

pjsip could do this by itself, but it waits where it should not: without name servers in the
settings a name that nobody resolves held up the loop, or pjsip's own thread and so all of SIP, for
10 s. It also knows no NAPTR records, and tries only the first server.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.sip.build import HAS_IPV6

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hasip.settings.model import Sip
    from hasip.sip.name_servers import NameServers

UDP, TCP, TLS = "udp", "tcp", "tls"
_DEFAULT_PORTS = {UDP: 5060, TCP: 5060, TLS: 5061}
_SERVICES = {"SIP+D2U": UDP, "SIP+D2T": TCP}
_SRV_NAMES = {UDP: "_sip._udp", TCP: "_sip._tcp", TLS: "_sips._tcp"}
MOST_TARGETS = 8
_URI = re.compile(
    r"(?>(?s:.*?)(?P<scheme>sips?):)(?:[^@<>]*+@)?(?P<host>\[[^\]]+\]|[^\s:;?<>]+)(?::(?P<port>\d+))?"
    r"(?P<rest>[^<>]*)",
    re.IGNORECASE,
)
_TRANSPORT = re.compile(r";\s*transport=(\w+)", re.IGNORECASE)


class NotFoundError(SipError):
    """A name cannot be resolved."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host} cannot be resolved: {why}; check the name, and the name servers")


@dataclass(frozen=True, slots=True)
class Destination:
    """What a URI says about where it leads."""

    host: str  # without brackets
    port: int | None
    transport: str | None  # one of ours, as the URI says it; `sips:` is tls
    is_address: bool

    @property
    def key(self) -> Destination:
        """Return it as one that is equal where the names are (RFC 3261 §19.1.4)."""
        return replace(self, host=self.host.lower())


@dataclass(frozen=True, slots=True)
class Target:
    """A server to try."""

    name: str  # as the records say it
    address: str
    port: int
    transport: str

    @property
    def route(self) -> str:
        """Return a Route that leads there, and that pjsip does not print into the request."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"<sip:{host}:{self.port};transport={self.transport};lr;hide>"

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.name} ({self.address} port {self.port}, {self.transport.upper()})"


def destination_of(uri: str) -> Destination | None:
    """Read a URI, bare or in angle brackets; None where it is no SIP URI."""
    found = _URI.match(uri)
    if found is None:
        return None
    host = found["host"].strip("[]")
    asked = _TRANSPORT.search(found["rest"])
    transport = asked[1].lower() if asked and asked[1].lower() in _DEFAULT_PORTS else None
    if found["scheme"].lower() == "sips":
        transport = TLS
    port = int(found["port"]) if found["port"] else None
    return Destination(host, port, transport, is_address(host))


def is_address(host: str) -> bool:
    """Tell whether it is no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Locator:
    """Asks the name servers; waits for them, so workers call it."""

    def __init__(
        self, name_servers: Sequence[str], transports: Sequence[str], *, ipv4: bool, ipv6: bool
    ) -> None:
        """Ask these; with none, ask the system, which knows addresses but no services.

        `transports` are those that are open, for servers whose URI leaves that to the records;
        `ipv4` and `ipv6` tell whether there are any of the kind.
        """
        self._ipv4, self._ipv6 = ipv4, ipv6
        self._transports = [kind for kind in (UDP, TCP) if kind in transports]
        self._default = next(iter(self._transports), UDP)
        self._servers_of_names: NameServers | None = None
        if name_servers:
            # Imported here: it is large, and few settings name a server.
            from hasip.sip.name_servers import NameServers  # noqa: PLC0415

            self._servers_of_names = NameServers(name_servers)

    def locate(self, to: Destination) -> tuple[Target, ...]:
        """Return the servers to try, best first, at least one; raises `NotFoundError`."""
        if self._servers_of_names is None or to.port is not None:
            transport = to.transport or self._default
            found = self._targets(to.host, to.port or _DEFAULT_PORTS[transport], transport)
        else:
            found = self._by_services(to)
        targets = tuple(dict.fromkeys(found))
        usable = tuple(target for target in targets if self._can_reach(target))[:MOST_TARGETS]
        if targets and not usable:
            raise NotFoundError(to.host, self._why_unusable())
        if not usable:
            raise NotFoundError(to.host, "it has no address")
        return usable

    def written(self, to: Destination) -> Target:
        """Return the server of a destination that is an address; asks nobody."""
        transport = to.transport or self._default
        return Target(to.host, to.host, to.port or _DEFAULT_PORTS[transport], transport)

    def _why_unusable(self) -> str:
        if self._ipv6:
            return "it has only IPv4 addresses, and --bind-address is an IPv6 one"
        return "it has only IPv6 addresses, and IPv6 is off (--ipv6)"

    def _can_reach(self, target: Target) -> bool:
        return self._ipv6 if ":" in target.address else self._ipv4

    def _by_services(self, to: Destination) -> list[Target]:
        """Follow NAPTR and SRV (RFC 3263 §4.1 and §4.2), or take the name as a host's."""
        found: list[Target] = []
        for transport, name in self._services(to):
            for host, port in self._servers(name):
                with contextlib.suppress(NotFoundError):  # the others may still have an address
                    found += self._targets(host, port, transport)
        transport = to.transport or self._default
        return found or self._targets(to.host, _DEFAULT_PORTS[transport], transport)

    def _services(self, to: Destination) -> list[tuple[str, str]]:
        """Return transports with the names of their SRV records, best first."""
        if to.transport is not None:
            return [(to.transport, f"{_SRV_NAMES[to.transport]}.{to.host}")]
        pointers: list[tuple[int, int, str, str]] = []
        with contextlib.suppress(NotFoundError):  # some routers answer no such question
            for record in self._ask(to.host, "NAPTR"):
                service = record.service.decode("ascii", "replace").upper()
                # TLS is used where a URI asks for it, since it takes a certificate for the name.
                transport = _SERVICES.get(service)
                if record.flags.lower() == b"s" and transport in self._transports:
                    name = record.replacement.to_text(omit_final_dot=True)
                    pointers.append((record.order, record.preference, transport, name))
        if pointers:
            return [(transport, name) for _, _, transport, name in sorted(pointers)]
        return [(kind, f"{_SRV_NAMES[kind]}.{to.host}") for kind in self._transports]

    def _servers(self, name: str) -> Iterator[tuple[str, int]]:
        """Yield hosts and ports of SRV records in the order of RFC 2782."""
        records = list(self._ask(name, "SRV"))
        while records:
            best = min(record.priority for record in records)
            equal = [record for record in records if record.priority == best]
            weights = [record.weight + 0.01 for record in equal]  # 0 is rare, not never
            chosen = random.choices(equal, weights)[0]  # noqa: S311 - spreads load
            records.remove(chosen)
            host = chosen.target.to_text(omit_final_dot=True)
            if host != ".":
                yield host, chosen.port

    def _targets(self, host: str, port: int, transport: str) -> list[Target]:
        return [Target(host, address, port, transport) for address in self._addresses(host)]

    def _addresses(self, host: str) -> list[str]:
        if is_address(host):
            return [host]
        if self._servers_of_names is not None:
            known = self._ask(host, "A")
            if self._ipv6 or not known:
                known += self._ask(host, "AAAA")
            return [record.address for record in known]
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise NotFoundError(host, error.strerror or str(error)) from error
        except UnicodeError as error:  # a label that is empty or too long (RFC 1035 §2.3.4)
            raise NotFoundError(host, "it is no name of a server") from error
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        return [str(entry[4][0]) for entry in found]

    def _ask(self, name: str, kind: str) -> list[Any]:
        assert self._servers_of_names is not None  # noqa: S101 - asked only where there is one
        try:
            return self._servers_of_names.ask(name, kind)
        except OSError as error:
            raise NotFoundError(name, str(error).rstrip(".")) from error


def locator_for(sip: Sip) -> Locator:
    """Return one that finds servers which can be reached by what is open."""
    options = sip.options
    kinds = ((UDP, options.udp), (TCP, options.tcp), (TLS, options.tls))
    return Locator(
        sip.name_servers,
        [kind for kind, is_on in kinds if is_on],
        ipv4=options.uses_ipv4,
        ipv6=options.uses_ipv6 and HAS_IPV6,
    )


def source_address(to: str) -> str | None:
    """Return our address on the way to another, or None where there is no way.

    A connected UDP socket tells it at once, without a packet.
    """
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((to, 9))
        return str(probe.getsockname()[0])
    return None
