"""ICE with a peer that does it too: another gateway, on the other side of a NAT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.coturn import Coturn
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.nat_network import INSIDE, OUTSIDE, OUTSIDE_TOO, HouseBehindNat
from support.netns import Network

if TYPE_CHECKING:
    from pathlib import Path

MENU = {"menu": {"choices": {"1": {"action": {"domain": "light", "service": "turn_on"}}}}}


def test_two_gateways_agree_on_a_way_through_the_nat(tmp_path: Path) -> None:
    """The digit goes by RTP, on the pair of addresses that both have tried."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with Network() as network:
        nat = HouseBehindNat(network)
        with nat.outside.entered():
            server = Coturn(tmp_path / "coturn", OUTSIDE)
            server.start()
            house = StandInHomeAssistant()
            callee = GatewayProcess(
                folders[1], house=house, menu_file=MENU, host=OUTSIDE_TOO, LOG_LEVEL="5"
            )
        with nat.inside.entered():
            caller = GatewayProcess(
                folders[0],
                host=INSIDE,
                GLOBAL_OPTIONS=f"--bind-address {INSIDE} --stun-server {OUTSIDE}",
                LOG_LEVEL="5",
            )
        with house, callee, caller:
            caller.command({"command": "dial", "number": callee.uri})
            for gateway in (caller, callee):
                gateway.wait_log("ICE negotiation success")
            house.wait_event("call_established")
            caller.command(
                {
                    "command": "send_dtmf",
                    "number": callee.uri,
                    "digits": "1",
                    "method": "rfc2833",
                }
            )
            house.wait_service("light/turn_on")
        server.stop()
