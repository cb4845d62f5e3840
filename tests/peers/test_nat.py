"""The gateway behind a real NAT: network namespaces, and a router that masquerades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.nat_network import INSIDE, OUTSIDE, PUBLIC, HouseBehindNat
from support.netns import Network
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def nat() -> Iterator[HouseBehindNat]:
    with Network() as network:
        yield HouseBehindNat(network)


def test_a_phone_outside_is_called_through_the_nat_and_types(
    nat: HouseBehindNat, tmp_path: Path
) -> None:
    """Without any help of a server: the NAT keeps the way back open."""
    with nat.outside.entered():
        bob = Phone("bob", host=OUTSIDE)
    with nat.inside.entered():
        house = StandInHomeAssistant()
        gateway = GatewayProcess(tmp_path, house=house, host=INSIDE)
    with house, bob, gateway:
        menu = {"message": "Press one", "choices": {"1": {"post_action": "hangup"}}}
        gateway.command({"command": "dial", "number": bob.uri, "menu": menu})
        call = bob.wait_call().wait_answered()
        call.wait_sound()

        assert call.address[0] == PUBLIC
        call.type_by_info("1")
        call.wait_ended()
