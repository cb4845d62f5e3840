"""The gateway and a real name server: SRV, NAPTR, servers that are away, and no answer at all."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from hasip.sip.build import IS_OURS
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.name_server import NameServer
from support.netns import Namespace, Network
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

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
KINDS = 2 if IS_OURS else 1
SILENT = ("add table ip f", "add chain ip f in { type filter hook input priority 0; }")


class Provider:
    """The machine of the gateway, and one that has the name server and SIP servers."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.folder = folder
        self.house: Namespace = network.machine("house")
        self.machine: Namespace = network.machine("provider")
        network.cable((self.house, "h0", f"{HOUSE}/24"), (self.machine, "p0", f"{DNS}/24"))
        for address in (FIRST, SECOND):
            self.machine.ip("address", "add", f"{address}/24", "dev", "p0")
        self._running = contextlib.ExitStack()

    def dns(self, *records: str) -> NameServer:
        with self.machine.entered():
            server = NameServer(self.folder / "dns", DNS, "example.org.", records)
            return self._running.enter_context(server)

    def registrar(self, host: str, port: int = 5060) -> Kamailio:
        folder = self.folder / host
        folder.mkdir()
        with self.machine.entered():
            return self._running.enter_context(Kamailio(folder, port, USERS, host))

    def phone(self, name: str, host: str = DNS, port: int = 0) -> Phone:
        with self.machine.entered():
            phone = Phone(name, host=host, port=port, password=USERS.get(name))
            return self._running.enter_context(phone)

    def gateway(self, house: StandInHomeAssistant | None = None, **more: str) -> GatewayProcess:
        with self.house.entered():
            return GatewayProcess(
                self.folder, house=house, host=HOUSE, prefix=self.house.prefix, **more
            )

    def stand_in(self) -> AbstractContextManager[StandInHomeAssistant]:
        with self.house.entered():
            return StandInHomeAssistant()

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Provider]:
    with Network() as network:
        provider = Provider(network, tmp_path)
        yield provider
        provider.close()


def test_a_registrar_is_found_by_its_srv_record(net: Provider) -> None:
    dns = net.dns(*HOSTS, "_sip._udp.example.org. SRV 10 10 5070 one.example.org.")
    net.registrar(FIRST, 5070)
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS) as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered")

        assert "_sip._udp.example.org. SRV" in dns.asked()


def test_naptr_records_choose_the_transport(net: Provider) -> None:
    net.dns(
        *HOSTS,
        'example.org. NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.other.example.org.',
        'example.org. NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.other.example.org.',
        "_sip._tcp.other.example.org. SRV 10 10 5060 two.example.org.",
        "_sip._udp.other.example.org. SRV 10 10 5060 one.example.org.",
    )
    net.registrar(SECOND)
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS, LOG_LEVEL="5") as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered")

        gateway.wait_log(f"to TCP {SECOND}:5060")
        # The Route that leads there is not written into the request.
        assert not any(line.startswith("Route:") for line in gateway.lines)


@pytest.mark.parametrize(
    "is_silent",
    # The wheel's pjsip waits for 32 s in both cases; one of them is enough there.
    [pytest.param(False, id="port closed"), pytest.param(True, id="packets dropped")][:KINDS],
)
def test_registration_and_calls_go_to_the_second_server_if_the_first_is_dead(
    net: Provider, *, is_silent: bool
) -> None:
    net.dns(*TWO_SERVERS)
    if is_silent:
        net.machine.rules(*SILENT, f"add rule ip f in ip daddr {FIRST} drop")
    second = net.registrar(SECOND)
    alice = net.phone("alice")
    assert alice.register(second.address, "example.org") == 200
    started = time.monotonic()
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS) as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered", 10 if IS_OURS else 45)
        took_s = time.monotonic() - started
        gateway.command({"command": "dial", "number": "alice"})
        alice.wait_call().wait_answered().hang_up()

        print(f"registered at the second server after {took_s:.1f} s")
        assert "one.example.org" in gateway.wait_log("does not answer; trying two.example.org")


def test_a_call_goes_to_the_second_server_of_a_name_if_the_first_is_silent(net: Provider) -> None:
    """Without a registration, so nobody knows yet that the first is dead."""
    net.dns(*TWO_SERVERS)
    bob = net.phone("bob", SECOND, 5060)
    with net.gateway(NAME_SERVER=DNS) as gateway:
        started = time.monotonic()
        gateway.command({"command": "dial", "number": "sip:bob@example.org"})
        gateway.command({"command": "dial", "number": "sip:carol@example.org"})
        calls = [bob.wait_call(8).wait_answered(), bob.wait_call(8).wait_answered()]
        print(f"it rang after {time.monotonic() - started:.1f} s")

        assert {call.invite_received.start.split()[1] for call in calls} == {
            "sip:bob@example.org",
            "sip:carol@example.org",
        }
        for call in calls:
            call.hang_up()


@pytest.mark.parametrize("ice", ["on", "off"])
def test_a_name_server_that_does_not_answer_holds_up_nothing(net: Provider, ice: str) -> None:
    """Both the loop and pjsip's thread go on while the system's resolver waits."""
    net.machine.rules(*SILENT, "add rule ip f in udp dport 53 drop")
    net.house.ask(DNS)
    bob = net.phone("bob")
    with (
        net.stand_in() as house,
        net.gateway(
            house,
            SIP1_REGISTRAR_URI="sip:registrar.example.org",
            SIP1_OPTIONS=f"--ice {ice}",
            SIP2_ENABLED="true",
            SIP2_ID_URI="sip:second@10.1.0.2",
        ) as gateway,
    ):
        gateway.command({"command": "dial", "number": "sip:door@door.example.org"})
        gateway.command({"command": "dial", "number": bob.uri, "sip_account": 2})
        bob.wait_call(1.0).wait_answered(2.0).hang_up()
        assert bob.ping(gateway.address) < 1

        def ended_calls() -> dict[str, Any]:
            ends = [event for event in house.events if event["event"] == "call_disconnected"]
            return {event["parsed_remote_uri"]: event for event in ends}

        house.wait(lambda: "door" in ended_calls(), "the end of the call that can't be")
        ended = ended_calls()["door"]
        assert ended["sip_code"] == 502
        assert "door.example.org cannot be resolved" in ended["sip_reason"]
        gateway.wait_log("registrar.example.org cannot be resolved")
        assert not any("A step of the loop took" in line for line in gateway.lines)
