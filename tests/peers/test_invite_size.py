"""An INVITE with ICE and a password fits into one packet, measured on the wire."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.kamailio import Kamailio
from support.name_server import NameServer
from support.nat_network import INSIDE, OUTSIDE, OUTSIDE_TOO, HouseBehindNat
from support.netns import Network
from support.phone import Phone
from support.source_build import python_of
from support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "hasip-secret"


@dataclass(frozen=True)
class Names:
    """Those of the account, of who is called, and of the provider."""

    user: str
    called: str
    domain: str
    display: str = ""


SHORT = Names("hasip", "alice", OUTSIDE)
LONG = Names(
    "+4930123456789012",
    "+4917612345678901",
    "sip-trunk.telekom.example.net",
    '"House Assistant." ',
)


@pytest.fixture
def nat() -> Iterator[HouseBehindNat]:
    with Network() as network:
        yield HouseBehindNat(network)


def gateway_behind(nat: HouseBehindNat, folder: Path, names: Names, build: str) -> GatewayProcess:
    nat.inside.ask(OUTSIDE)
    with nat.inside.entered():
        return GatewayProcess(
            folder,
            host=INSIDE,
            python=python_of(build),
            prefix=nat.inside.prefix,
            GLOBAL_OPTIONS="",
            SIP1_ID_URI=f"{names.display}<sip:{names.user}@{names.domain}>",
            SIP1_REGISTRAR_URI=f"sip:{names.domain}",
            SIP1_USER_NAME=names.user,
            SIP1_PASSWORD=PASSWORD,
        )


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("names", [SHORT, LONG], ids=["short", "long"])
def test_an_invite_is_one_small_packet_on_a_machine_with_ten_interfaces(
    nat: HouseBehindNat, tmp_path: Path, names: Names, build: str
) -> None:
    """ICE is on, as by default; the second INVITE has the answer to a challenge in it."""
    for number in range(10):
        nat.inside.bridge(f"bridge-{number}", f"172.{17 + number}.0.1/16")
    (tmp_path / "kamailio").mkdir()
    users = {names.user: PASSWORD, names.called: PASSWORD}
    with contextlib.ExitStack() as stack:
        with nat.outside.entered():
            stack.enter_context(
                NameServer(
                    tmp_path / "names", OUTSIDE, "example.net", [f"{LONG.domain}. A {OUTSIDE}"]
                )
            )
            registrar = Kamailio(tmp_path / "kamailio", 5060, users, OUTSIDE)
            stack.enter_context(registrar)
            phone = Phone(names.called, host=OUTSIDE_TOO, password=PASSWORD)
            stack.enter_context(phone)
        wire = stack.enter_context(Wire(nat.outside, "out0"))
        gateway = stack.enter_context(gateway_behind(nat, tmp_path, names, build))
        assert phone.register(registrar.address, names.domain) == 200
        gateway.wait_log("): registered")
        gateway.command({"command": "dial", "number": names.called})
        call = phone.wait_call().wait_answered()
        invite = call.invite_received
        call.hang_up()

        sent = [packet.payload for packet in wire.packets if packet.payload[:7] == b"INVITE "]
        first, last = sent[:2]  # of the call; more may come within it
        print(f"{names.domain}: INVITE of {len(first)} bytes, with a password {len(last)}")
        assert b"Proxy-Authorization: " in last
        assert b" UDP 2130706430 " in last  # the offer of ICE is whole, up to its last candidate
        assert max(map(len, sent)) < 1300
        assert not any(packet.is_fragment for packet in wire.packets)
        candidates = re.findall(r"a=candidate:\S+ \d UDP \d+ (\S+)", invite.body)
        assert set(candidates) == {INSIDE}
        assert "timer" in invite["supported"]
        # What may be left out is there where there is room.
        assert (b"\r\nAllow: " in last) == (names is SHORT)
        assert b"\r\nAllow: " in first
        assert b"\r\nUser-Agent: " in first
        if names is LONG:
            gateway.command({"command": "dial", "number": "9" * 250})
            gateway.wait_log("bytes may not fit into one packet by UDP")
