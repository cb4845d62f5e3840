"""A house behind a NAT router, and the internet outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.netns import Namespace, Network

INSIDE = "10.1.0.2"
ROUTER_INSIDE = "10.1.0.1"
PUBLIC = "203.0.113.1"  # the router's address outside, which the house is seen by
OUTSIDE = "203.0.113.10"
OUTSIDE_TOO = "203.0.113.11"


class HouseBehindNat:
    """The machine `inside`, a `router` that masquerades, and the machine `outside`."""

    def __init__(self, network: Network) -> None:
        self.inside: Namespace = network.machine("inside")
        self.router: Namespace = network.machine("router")
        self.outside: Namespace = network.machine("outside")
        network.cable((self.inside, "in0", f"{INSIDE}/24"), (self.router, "lan", "10.1.0.1/24"))
        network.cable((self.router, "wan", f"{PUBLIC}/24"), (self.outside, "out0", f"{OUTSIDE}/24"))
        self.outside.ip("address", "add", f"{OUTSIDE_TOO}/24", "dev", "out0")
        self.inside.route("default", ROUTER_INSIDE)
        self.router.hide_behind("wan")
