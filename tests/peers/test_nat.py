"""The gateway behind a real NAT: network namespaces, and a router that masquerades.

All of it runs on the source build, which we ship; on the wheel what tells how pjsip is switched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.coturn import Coturn
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.nat_network import INSIDE, OUTSIDE, OUTSIDE_TOO, PUBLIC, HouseBehindNat
from support.netns import Network
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

waiting = Together(ahead=True)
both_builds = on_builds(*BUILDS)


@pytest.fixture
def nat() -> Iterator[HouseBehindNat]:
    with Network() as network:
        yield HouseBehindNat(network)


def registered_outside(
    nat: HouseBehindNat,
    folder: Path,
    options: str,
    build: str = "source",
) -> tuple[Kamailio, Phone, GatewayProcess]:
    """Return a registrar outside, a phone that is registered there, and a gateway that will be."""
    (folder / "kamailio").mkdir()
    users = {"hasip": "hasip-secret", "alice": "alice-secret"}
    with nat.outside.entered():
        registrar = Kamailio(folder / "kamailio", 5060, users, OUTSIDE)
        registrar.start()
        alice = Phone("alice", host=OUTSIDE_TOO, password=users["alice"])
        assert alice.register(registrar.address, OUTSIDE) == 200
    with nat.inside.entered():
        gateway = GatewayProcess(
            folder,
            host=INSIDE,
            python=python_of(build),
            GLOBAL_OPTIONS=f"--bind-address {INSIDE}",
            LOG_LEVEL="5",
            SIP1_ID_URI=f"sip:hasip@{OUTSIDE}",
            SIP1_REGISTRAR_URI=f"sip:{OUTSIDE}",
            SIP1_USER_NAME="hasip",
            SIP1_PASSWORD=users["hasip"],
            SIP1_OPTIONS=options,
        )
    return registrar, alice, gateway


@both_builds
def test_a_phone_outside_is_called_through_the_nat_and_types(
    nat: HouseBehindNat, tmp_path: Path, build: str
) -> None:
    """Without any help of a server: the NAT keeps the way back open."""
    with nat.outside.entered():
        bob = Phone("bob", host=OUTSIDE)
    with nat.inside.entered():
        house = StandInHomeAssistant()
        gateway = GatewayProcess(tmp_path, house=house, host=INSIDE, python=python_of(build))
    with house, bob, gateway:
        menu = {"message": "Press one", "choices": {"1": {"post_action": "hangup"}}}
        gateway.command({"command": "dial", "number": bob.uri, "menu": menu})
        call = bob.wait_call().wait_answered()
        call.wait_sound()

        assert call.address[0] == PUBLIC
        call.type_by_info("1")
        call.wait_ended()


@pytest.mark.parametrize(
    ("server", "build"),
    [("203.0.113.99", "wheel"), ("203.0.113.99", "source"), ("stun.example.org", "source")],
)
def test_a_stun_server_that_is_away_keeps_the_gateway_from_nothing(
    nat: HouseBehindNat, tmp_path: Path, server: str, build: str
) -> None:
    """Neither its start nor a call waits for it, and the log says so."""
    nat.inside.ask("203.0.113.98")
    with nat.outside.entered():
        bob = Phone("bob", host=OUTSIDE)
    with nat.inside.entered():
        started = time.monotonic()
        gateway = GatewayProcess(
            tmp_path,
            host=INSIDE,
            python=python_of(build),
            prefix=nat.inside.prefix,
            GLOBAL_OPTIONS=f"--stun-server {server}",
        )
    with bob, gateway:
        took_s = time.monotonic() - started
        assert took_s < 15
        gateway.command({"command": "dial", "number": bob.uri})
        bob.wait_call(3).wait_answered(3).hang_up()
        gateway.wait_log(f"STUN server {server}: ")
        print(f"up after {took_s:.1f} s")


@pytest.mark.parametrize("build", BUILDS)
@waiting
def test_calls_go_on_without_a_stun_server_that_goes_away(tmp_path: Path, build: str) -> None:
    with Network() as network:
        go_on_without_a_stun_server(HouseBehindNat(network), tmp_path, build)


def go_on_without_a_stun_server(nat: HouseBehindNat, tmp_path: Path, build: str) -> None:
    server = coturn(nat, tmp_path)
    with nat.outside.entered():
        bob = Phone("bob", host=OUTSIDE)
    with nat.inside.entered():
        gateway = GatewayProcess(
            tmp_path,
            host=INSIDE,
            python=python_of(build),
            GLOBAL_OPTIONS=f"--stun-server {OUTSIDE}",
        )
    with bob, gateway:
        server.stop()
        gateway.wait_log(f"STUN server {OUTSIDE}: ", 40)
        gateway.command({"command": "dial", "number": bob.uri})
        call = bob.wait_call(3).wait_answered(3)

        assert f"c=IN IP4 {INSIDE}" in call.invite_received.body
        call.hang_up()


def coturn(nat: HouseBehindNat, folder: Path) -> Coturn:
    with nat.outside.entered():
        server = Coturn(folder / "coturn", OUTSIDE)
        server.start()
    return server


@pytest.mark.parametrize(
    ("options", "contact", "media", "build"),
    [
        ("--ice on", PUBLIC, PUBLIC, "wheel"),
        ("--ice on", PUBLIC, PUBLIC, "source"),
        ("--ice off", PUBLIC, PUBLIC, "source"),
        ("--ice off --use-stun-for-sip off", INSIDE, PUBLIC, "source"),
        ("--ice off --use-stun-for-media off", PUBLIC, INSIDE, "source"),
    ],
)
def test_stun_tells_the_other_side_our_public_address_as_it_is_switched(
    nat: HouseBehindNat, tmp_path: Path, options: str, contact: str, media: str, build: str
) -> None:
    """Both hear each other: the digit is typed by RTP, to the address of the SDP."""
    server = coturn(nat, tmp_path)
    with nat.outside.entered():
        bob = Phone("bob", host=OUTSIDE)
    with nat.inside.entered():
        house = StandInHomeAssistant()
        gateway = GatewayProcess(
            tmp_path,
            house=house,
            host=INSIDE,
            python=python_of(build),
            GLOBAL_OPTIONS=f"--stun-server {OUTSIDE}",
            SIP1_OPTIONS=options,
        )
    try:
        with house, bob, gateway:
            menu = {"message": "Press one", "choices": {"1": {"post_action": "hangup"}}}
            gateway.command({"command": "dial", "number": bob.uri, "menu": menu})
            call = bob.wait_call().wait_answered()
            invite = call.invite_received
            call.wait_sound()

            assert f"@{contact}:" in invite["contact"]
            assert f"c=IN IP4 {media}" in invite.body
            if media == PUBLIC:
                call.type_digits("1")
            else:
                call.type_by_info("1")
            call.wait_ended()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("options", "contact", "via", "media", "build"),
    [
        ("", PUBLIC, PUBLIC, PUBLIC, "wheel"),
        ("", PUBLIC, PUBLIC, PUBLIC, "source"),
        ("--use-contact-rewrite off", INSIDE, PUBLIC, PUBLIC, "source"),
        ("--use-via-rewrite off", PUBLIC, INSIDE, PUBLIC, "source"),
        ("--use-sdp-nat-rewrite off", PUBLIC, PUBLIC, INSIDE, "source"),
    ],
)
def test_the_rewrites_write_what_the_registrar_has_seen_of_us(
    nat: HouseBehindNat,
    tmp_path: Path,
    options: str,
    contact: str,
    via: str,
    media: str,
    *,
    build: str,
) -> None:
    """As a phone beside the registrar receives the INVITE."""
    options = f"--ice off {options}"
    registrar, alice, gateway = registered_outside(nat, tmp_path, options, build=build)
    try:
        with alice, gateway:
            gateway.wait_log("): registered")
            gateway.command({"command": "dial", "number": "alice"})
            call = alice.wait_call().wait_answered()
            invite = call.invite_received

            assert f"@{contact}:" in invite["contact"]
            assert invite.all("via")[-1].split()[1].startswith(f"{via}:")
            assert f"c=IN IP4 {media}\r" in invite.body
            call.hang_up()
    finally:
        registrar.stop()


@pytest.mark.parametrize("switch", ["on", "off"])
def test_sip_outbound_names_us_in_the_registration_by_tcp(
    nat: HouseBehindNat, tmp_path: Path, switch: str
) -> None:
    options = f"--proxy '<sip:{OUTSIDE};transport=tcp;lr>' --use-sip-outbound {switch}"
    registrar, alice, gateway = registered_outside(nat, tmp_path, options)
    try:
        with alice, gateway:
            gateway.wait_log("): registered")
            contact = gateway.wait_log("Contact: <sip:hasip@")

            assert ("+sip.instance=" in contact and "reg-id=1" in contact) == (switch == "on")
    finally:
        registrar.stop()
