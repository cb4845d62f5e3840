"""Where an account takes calls from: `--accept-from`, made into addresses."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from hasip.sip.locate import destination_of
from hasip.workers import Failed

if TYPE_CHECKING:
    from hasip.loop import Loop
    from hasip.settings.model import Account
    from hasip.sip.hop import Hops
    from hasip.sip.locate import Destination, Target
    from hasip.workers import Result

EVERYBODY = "all"
REGISTRAR = "registrar"
# Providers give out other addresses from one question to the next, so what was learned stays.
LOOK_AGAIN_S = 300.0
LOOK_AGAIN_SOON_S = 10.0
MOST_ADDRESSES = 1_000
# This machine itself: no packet from outside can have these.
OURSELVES = frozenset({"127.0.0.1", "::1"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_in(source: str) -> str:
    """Return the address of `1.2.3.4:5060` or `[::1]:5060`, or of one without a port."""
    if source.startswith("["):
        return source[1:].partition("]")[0]
    return source.partition(":")[0] if source.count(":") == 1 else source


def counted_as(source: str) -> str:
    """Return as what an address is counted where one source may have only so much.

    Whoever has IPv6 has a /64 at least (RFC 6177), and so 2^64 addresses. On our own link, where
    all have the same, and for what is no address it is what it was.
    """
    try:
        address = ipaddress.IPv6Address(source)
    except ValueError:
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_link_local or address.is_loopback:
        return source
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


class Sources:
    """What an account accepts; `accepts` may be asked on any thread, the rest is the loop's."""

    def __init__(self, loop: Loop, hops: Hops, settings: Account) -> None:
        default = (REGISTRAR,) if settings.registrar_uri else (EVERYBODY,)
        self._loop = loop
        self._hops = hops
        wanted = settings.options.accept_from or default
        self.takes_everybody = EVERYBODY in wanted
        self._takes_registrar = REGISTRAR in wanted
        self._networks: list[Network] = []
        self._names: list[Destination] = []
        for word in wanted:
            if word not in (EVERYBODY, REGISTRAR):
                self._add(word)
        if self._takes_registrar:
            options = settings.options
            for uri in (settings.registrar_uri, options.proxy, settings.id_uri):
                to = destination_of(uri or "")
                if to is not None:
                    self._names.append(to)
        # Replaced as a whole.
        self._learned = OURSELVES if self._takes_registrar else frozenset[str]()
        self._unanswered = len(self._names)

    @property
    def is_learning(self) -> bool:
        """Tell whether a name was not asked for yet; whoever it stands for may call already."""
        return self._unanswered > 0

    def accepts(self, source: str) -> bool:
        """Tell whether a request from an address is taken."""
        if self.takes_everybody or source in self._learned:
            return True
        try:
            address = ipaddress.ip_address(source.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped is not None:
            return self.accepts(str(mapped))
        return str(address) in self._learned or any(
            address in network for network in self._networks
        )

    def learn(self, source: str) -> None:
        """Take an address that answered a REGISTER of ours."""
        if self._takes_registrar and source:
            self._keep([address_in(source)])

    def look(self) -> None:
        """Ask for the names, and again from time to time."""
        for to in self._names:
            self._ask(to, is_first=True)

    def _add(self, word: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(word.strip("[]"), strict=False))
        except ValueError:
            to = destination_of(f"sip:{word}")
            if to is not None:
                self._names.append(to)

    def _ask(self, to: Destination, *, is_first: bool) -> None:
        if to.is_address:
            self._keep([str(ipaddress.ip_address(to.host))])
            self._unanswered -= 1
            return
        self._hops.locate(to, lambda result: self._heard(to, result, is_first=is_first))

    def _heard(
        self, to: Destination, result: Result[tuple[Target, ...]], *, is_first: bool
    ) -> None:
        if is_first:
            self._unanswered -= 1
        wait_s = LOOK_AGAIN_SOON_S
        if not isinstance(result, Failed):
            wait_s = LOOK_AGAIN_S
            self._keep([target.address for target in result.value])
        self._loop.call_later(wait_s, lambda: self._ask(to, is_first=False))

    def _keep(self, addresses: list[str]) -> None:
        if len(self._learned) < MOST_ADDRESSES:
            self._learned |= frozenset(addresses)
