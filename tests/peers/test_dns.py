"""The gateway and a real name server: SRV, NAPTR, servers that are away, and no answer at all.

All of it runs on the source build, which we ship; on the wheel what is about finding a server.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from support.provider import (
    ACCOUNT,
    DNS,
    FIRST,
    HOSTS,
    HOUSE,
    SECOND,
    SILENT,
    TWO_SERVERS,
    Provider,
    a_provider,
)
from support.source_build import BUILDS, on_builds
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

waiting = Together(at_once=8, ahead=True)
both_builds = on_builds(*BUILDS)


@pytest.fixture
def net(tmp_path: Path, build: str) -> Iterator[Provider]:
    with a_provider(tmp_path, build) as provider:
        yield provider


@both_builds
def test_a_registrar_is_found_by_its_srv_record(net: Provider) -> None:
    dns = net.dns(*HOSTS, "_sip._udp.example.org. SRV 10 10 5070 one.example.org.")
    net.registrar(FIRST, 5070)
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS) as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered")

        assert "_sip._udp.example.org. SRV" in dns.asked()


@both_builds
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


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    "is_silent",
    [pytest.param(False, id="port closed"), pytest.param(True, id="packets dropped")],
)
@waiting
def test_registration_and_calls_go_to_the_second_server_if_the_first_is_dead(
    tmp_path: Path, build: str, *, is_silent: bool
) -> None:
    with a_provider(tmp_path, build) as net:
        net.dns(*TWO_SERVERS)
        if is_silent:
            net.silence(FIRST)
        second = net.registrar(SECOND)
        alice = net.phone("alice")
        assert alice.register(second.address, "example.org") == 200
        started = time.monotonic()
        with net.gateway(**ACCOUNT, NAME_SERVER=DNS) as gateway:
            gateway.wait_log("(sip:hasip@example.org): registered", 40)
            took_s = time.monotonic() - started
            gateway.command({"command": "dial", "number": "alice"})
            alice.wait_call().wait_answered().hang_up()

            print(f"registered at the second server after {took_s:.1f} s")
            assert "one.example.org" in gateway.wait_log("does not answer; trying two.example.org")


@pytest.mark.parametrize("build", BUILDS)
@waiting
def test_a_call_goes_to_the_second_server_of_a_name_if_the_first_is_silent(
    tmp_path: Path, build: str
) -> None:
    """Without a registration, so nobody knows yet that the first is dead."""
    with a_provider(tmp_path, build) as net:
        net.dns(*TWO_SERVERS)
        bob = net.phone("bob", SECOND, 5060)
        with net.gateway(NAME_SERVER=DNS) as gateway:
            started = time.monotonic()
            gateway.command({"command": "dial", "number": "sip:bob@example.org"})
            gateway.command({"command": "dial", "number": "sip:carol@example.org"})
            calls = [bob.wait_call().wait_answered(), bob.wait_call().wait_answered()]
            print(f"it rang after {time.monotonic() - started:.1f} s")

            assert {call.invite_received.start.split()[1] for call in calls} == {
                "sip:bob@example.org",
                "sip:carol@example.org",
            }
            for call in calls:
                call.hang_up()


@both_builds
def test_a_call_that_ends_with_503_goes_to_the_second_server_of_a_name(net: Provider) -> None:
    """RFC 3263 §4.3; as the same call."""
    net.dns(*TWO_SERVERS)
    first, second = net.phone("bob", FIRST, 5060), net.phone("bob", SECOND, 5060)
    first.reject_with = 503
    with net.stand_in() as house, net.gateway(house, NAME_SERVER=DNS) as gateway:
        gateway.command({"command": "dial", "number": "sip:bob@example.org"})
        refused, call = first.wait_call(), second.wait_call().wait_answered()

        assert call.invite_received["call-id"] == refused.invite_received["call-id"]
        house.wait_event("call_established")
        assert "call_disconnected" not in house.event_names
        call.hang_up()


@both_builds
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
        # The resolver waits for 3 s.
        bob.wait_call(2.0).wait_answered(2.0).hang_up()
        assert bob.ping(gateway.address) < 2

        def ended_calls() -> dict[str, Any]:
            ends = [event for event in house.events if event["event"] == "call_disconnected"]
            return {event["parsed_remote_uri"]: event for event in ends}

        house.wait(lambda: "door" in ended_calls(), "the end of the call that can't be")
        ended = ended_calls()["door"]
        assert ended["sip_code"] == 502
        assert "door.example.org cannot be resolved" in ended["sip_reason"]
        gateway.wait_log("registrar.example.org cannot be resolved")
        assert gateway.longest_step_s < 1  # the resolver takes 3 s


def test_without_udp_a_name_is_registered_at_by_tcp(net: Provider) -> None:
    """Nothing says which transport: neither the URI nor a record."""
    net.dns(*HOSTS)
    net.registrar(FIRST)
    account = {
        **ACCOUNT,
        "SIP1_ID_URI": "sip:hasip@one.example.org",
        "SIP1_REGISTRAR_URI": "sip:one.example.org",
    }
    general = f"--bind-address {HOUSE} --udp off"
    alice = net.phone("alice")
    assert alice.register((FIRST, 5060), "one.example.org") == 200
    with net.gateway(**account, NAME_SERVER=DNS, GLOBAL_OPTIONS=general) as gateway:
        gateway.wait_log("(sip:hasip@one.example.org): registered")
        gateway.command({"command": "dial", "number": "alice"})
        alice.wait_call().wait_answered().hang_up()

        sent = [line for line in gateway.lines if "TX " in line and "Request msg" in line]
        assert sent
        assert all(f" to TCP {FIRST}:5060" in line for line in sent)


@pytest.mark.parametrize("build", BUILDS)
@waiting
def test_an_account_whose_server_dies_is_registered_at_the_other_one_soon(
    tmp_path: Path, build: str
) -> None:
    """The registrar grants 8 s, so that this takes no minute; see the unit test for the rest."""
    with a_provider(tmp_path, build) as net:
        net.dns(*TWO_SERVERS)
        net.registrar(FIRST, max_expires_s=8)
        net.registrar(SECOND)
        with net.gateway(**ACCOUNT, NAME_SERVER=DNS) as gateway:
            gateway.wait_log("(sip:hasip@example.org): registered")
            net.silence(FIRST)
            began, since = time.monotonic(), len(gateway.lines)
            gateway.wait_log("(sip:hasip@example.org): registered", 40, since)
            took_s = time.monotonic() - began

            print(f"registered at the other server {took_s:.1f} s after the first one died")
            assert "two.example.org" in gateway.wait_log("does not answer; trying", since=since)


def test_an_ipv6_address_is_not_tried_where_ipv6_is_off(net: Provider) -> None:
    net.dns(
        *HOSTS,
        "one.example.org. AAAA fd00::1",
        "six.example.org. AAAA fd00::6",
        "_sip._udp.example.org. SRV 10 10 5060 six.example.org.",
        "_sip._udp.example.org. SRV 20 10 5060 one.example.org.",
    )
    net.registrar(FIRST)
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS, GLOBAL_OPTIONS="") as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered")
        gateway.command({"command": "dial", "number": "sip:six@six.example.org"})

        gateway.wait_log("it has only IPv6 addresses, and IPv6 is off (--ipv6)")
        assert not any("fd00::" in line for line in gateway.lines)


def test_a_name_that_has_only_ipv6_addresses_is_registered_at_and_called(net: Provider) -> None:
    """Calls go and come by IPv6, to another name as well; the wheel has no IPv6."""
    server = "fd00::61"
    net.house.ip("address", "add", "fd00::2/64", "dev", "h0", "nodad")
    for address in (server, "fd00::53"):
        net.machine.ip("address", "add", f"{address}/64", "dev", "p0", "nodad")
    net.dns(
        f"six.example.org. AAAA {server}",
        "door.example.org. AAAA fd00::53",
        "_sip._udp.example.org. SRV 10 10 5060 six.example.org.",
    )
    registrar = net.registrar(server)
    alice, door = net.phone("alice", "fd00::53"), net.phone("door", "fd00::53", 5060)
    assert alice.register(registrar.address, "example.org") == 200
    both = f"--bind-address {HOUSE},fd00::2"
    with net.gateway(**ACCOUNT, NAME_SERVER=DNS, GLOBAL_OPTIONS=both) as gateway:
        gateway.wait_log("(sip:hasip@example.org): registered")
        gateway.command({"command": "dial", "number": "alice"})
        call = alice.wait_call().wait_answered()
        assert "c=IN IP6 fd00::2" in call.invite_received.body
        call.hang_up()
        with net.machine.entered():
            call = alice.call("sip:hasip@example.org", via=registrar.address).wait_answered()
        call.hang_up()
        gateway.command({"command": "dial", "number": "sip:door@door.example.org"})
        call = door.wait_call().wait_answered()
        gateway.command({"command": "hangup", "number": "door"})
        call.wait_ended()


def test_the_doctor_tries_the_servers_that_the_records_name(net: Provider) -> None:
    net.dns(*TWO_SERVERS)
    for host in (FIRST, SECOND):
        net.registrar(host)
    doctor = net.gateway(**ACCOUNT, NAME_SERVER=DNS, arguments=("--doctor",))
    doctor.wait_exit(40)
    said = "\n".join(doctor.lines)

    assert f"one.example.org ({FIRST} port 5060, UDP), two.example.org ({SECOND} port" in said
    assert f"  ok    connect: two.example.org ({SECOND} port 5060, UDP) answers" in said
    assert "  ok    register: sip:hasip@example.org is registered" in said
