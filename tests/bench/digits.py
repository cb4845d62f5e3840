"""How fast a digit that is typed has its effect at Home Assistant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.signalling import MENU
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.bare import BareProgram
    from bench.table import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

DIGITS = 60
PAUSE_S = 0.1  # after a digit


def digits(shop: Workshop) -> Iterator[Figure]:
    """From the first packet of a digit to the service call at Home Assistant."""
    count = shop.few_or(DIGITS)
    for name, delay_s in (
        ("digit to service call", 0.0),
        ("digit to service call, webhooks take 200 ms", 0.2),
    ):
        with (
            StandInHomeAssistant() as house,
            shop.gateway(house=house, menu_file=MENU) as gateway,
        ):
            house.delays_s["webhook"] = delay_s
            yield shop.figure(name, "ms", typed(count, gateway, house))
    with StandInHomeAssistant() as house, shop.bare(house.port) as bare:
        name = "  digit to HTTP request of bare pjsua2"
        yield shop.figure(name, "ms", typed(count, bare, house))


def typed(
    count: int, subject: GatewayProcess | BareProgram, house: StandInHomeAssistant
) -> list[float]:
    """Type 5 so often; returns the milliseconds of each."""
    with Phone("caller") as caller:
        call = caller.call(subject.uri).wait_answered()
        time.sleep(1.0)  # the call is settled, and its prompt is there
        for number in range(count):
            call.type_digits("5")
            house.wait(lambda: len(house.services) > number, "the service call")  # noqa: B023
            time.sleep(PAUSE_S)
        came_at = [item.at for item in house.requests if item.path.startswith("services/")]
        return [
            1000 * (came - typed) for came, typed in zip(came_at, call.stream.typed_at, strict=True)
        ]
