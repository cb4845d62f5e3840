"""A network with a house and a provider: a name server, and SIP servers at two addresses."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.name_server import NameServer
from support.netns import Network
from support.phone import Phone
from support.source_build import python_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.kamailio import Tls
    from support.netns import Namespace

HOUSE = "10.1.0.2"
DNS = "10.1.0.53"
FIRST, SECOND = "10.1.0.61", "10.1.0.62"  # servers of example.org
USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
ACCOUNT = {
    "SIP1_ID_URI": "sip:hasip@example.org",
    "SIP1_REGISTRAR_URI": "sip:example.org",
    "SIP1_USER_NAME": "hasip",
    "SIP1_PASSWORD": USERS["hasip"],
}
HOSTS = [f"one.example.org. A {FIRST}", f"two.example.org. A {SECOND}"]
TWO_SERVERS = [
    *HOSTS,
    "_sip._udp.example.org. SRV 10 10 5060 one.example.org.",
    "_sip._udp.example.org. SRV 20 10 5060 two.example.org.",
]
SILENT = ("add table ip f", "add chain ip f in { type filter hook input priority 0; }")


class Provider:
    """The machine of the gateway, and one that has the name server and SIP servers."""

    def __init__(self, network: Network, folder: Path, build: str = "wheel") -> None:
        """Keep files in `folder`; gateways run on that build if nothing else is said."""
        self.folder = folder
        self.python = python_of(build)
        self.house: Namespace = network.machine("house")
        self.machine: Namespace = network.machine("provider")
        network.cable((self.house, "h0", f"{HOUSE}/24"), (self.machine, "p0", f"{DNS}/24"))
        for address in (FIRST, SECOND):
            self.machine.ip("address", "add", f"{address}/24", "dev", "p0")
        self._running = contextlib.ExitStack()

    def dns(self, *records: str) -> NameServer:
        """Start the name server."""
        with self.machine.entered():
            server = NameServer(self.folder / "dns", DNS, "example.org.", records)
            return self._running.enter_context(server)

    def registrar(
        self, host: str, port: int = 5060, *, tls: Tls | None = None, max_expires_s: int = 3600
    ) -> Kamailio:
        """Start a registrar at one of the addresses."""
        folder = self.folder / host
        folder.mkdir(exist_ok=True)
        with self.machine.entered():
            return self._running.enter_context(
                Kamailio(folder, port, USERS, host, tls=tls, max_expires_s=max_expires_s)
            )

    def silence(self, host: str) -> None:
        """Have an address drop all packets from now on."""
        self.machine.rules(*SILENT, f"add rule ip f in ip daddr {host} drop")

    def phone(self, name: str, host: str = DNS, port: int = 0) -> Phone:
        """Return a telephone at the provider."""
        with self.machine.entered():
            phone = Phone(name, host=host, port=port, password=USERS.get(name))
            return self._running.enter_context(phone)

    def gateway(
        self,
        house: StandInHomeAssistant | None = None,
        *,
        python: str | None = None,
        prefix: Sequence[str] = (),
        **more: Any,
    ) -> GatewayProcess:
        """Return a gateway in the house; `more` is as `GatewayProcess` takes it."""
        with self.house.entered():
            return GatewayProcess(
                self.folder,
                house=house,
                python=python or self.python,
                host=HOUSE,
                prefix=(*self.house.prefix, *prefix),
                **more,
            )

    def stand_in(self) -> AbstractContextManager[StandInHomeAssistant]:
        """Return a Home Assistant in the house."""
        with self.house.entered():
            return StandInHomeAssistant()

    def close(self) -> None:
        """Stop what was started here."""
        self._running.close()


@contextlib.contextmanager
def a_provider(folder: Path, build: str = "wheel") -> Iterator[Provider]:
    """Make one with its network."""
    with Network() as network:
        provider = Provider(network, folder, build)
        try:
            yield provider
        finally:
            provider.close()
