"""The gateway and a real name server: SRV, NAPTR, servers that are away, and no answer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.kamailio import Kamailio
from support.name_server import NameServer
from support.netns import Namespace, Network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUSE = "10.1.0.2"
DNS = "10.1.0.53"
FIRST, SECOND = "10.1.0.61", "10.1.0.62"  # servers of example.org
USERS = {"hasip": "hasip-secret"}
ACCOUNT = {
    "SIP1_ID_URI": "sip:hasip@example.org",
    "SIP1_REGISTRAR_URI": "sip:example.org",
    "SIP1_USER_NAME": "hasip",
    "SIP1_PASSWORD": USERS["hasip"],
    "NAME_SERVER": DNS,
}


class Provider:
    """The machine of the gateway, and one that has the name server and SIP servers."""

    def __init__(self, network: Network) -> None:
        self.house: Namespace = network.machine("house")
        self.provider: Namespace = network.machine("provider")
        network.cable((self.house, "h0", f"{HOUSE}/24"), (self.provider, "p0", f"{DNS}/24"))
        for address in (FIRST, SECOND):
            self.provider.ip("address", "add", f"{address}/24", "dev", "p0")


@pytest.fixture
def net() -> Iterator[Provider]:
    with Network() as network:
        yield Provider(network)


def test_a_registrar_is_found_by_its_srv_record(net: Provider, tmp_path: Path) -> None:
    records = [
        "_sip._udp.example.org. SRV 10 10 5070 one.example.org.",
        f"one.example.org. A {FIRST}",
    ]
    with net.provider.entered():
        dns = NameServer(tmp_path / "dns", DNS, "example.org.", records)
        (tmp_path / "sip").mkdir()
        registrar = Kamailio(tmp_path / "sip", 5070, USERS, FIRST)
        dns.start()
        registrar.start()
    try:
        with net.house.entered():
            gateway = GatewayProcess(tmp_path, host=HOUSE, **ACCOUNT)
        with gateway:
            gateway.wait_log("(sip:hasip@example.org): registered")

            assert "_sip._udp.example.org. SRV" in dns.asked()
    finally:
        registrar.stop()
        dns.stop()
