"""How fast a digit that is typed has its effect at Home Assistant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

DIGITS = 80
PAUSE_S = 0.1  # after a digit
SETTLED_AFTER_S = 1.0  # the call, and its prompt is there


def digits(shop: Workshop) -> Iterator[Figure]:
    """From the first packet of a digit to the service call at Home Assistant."""
    codes = "5" * shop.less(DIGITS)
    with StandInHomeAssistant() as house, shop.bare(house.port) as bare:
        theirs = typed(codes, bare, house)
    for name, peer, delay_s in (
        ("digit to service call", "digit to HTTP request of bare pjsua2", 0.0),
        (
            "digit to service call, webhooks take 200 ms",
            "the same of bare pjsua2, which sends no webhooks",
            0.2,
        ),
    ):
        with StandInHomeAssistant() as house, shop.greeter(house) as gateway:
            house.delays_s["webhook"] = delay_s
            ours = shop.figure(name, "ms", typed(codes, gateway, house))
        yield ours
        yield shop.beside(ours, peer, "ms", theirs)


def typed(
    codes: Sequence[str], subject: GatewayProcess | BareProgram, house: StandInHomeAssistant
) -> list[float]:
    """Type codes that each run an action; returns the milliseconds from each one's last digit."""
    took_ms = []
    with Phone("caller") as caller:
        call = caller.call(subject.uri).wait_answered()
        time.sleep(SETTLED_AFTER_S)
        house.requests.clear()  # to look through thousands would take its time
        for number, code in enumerate(codes):
            call.type_digits(code)
            house.wait(lambda: len(house.services) > number, "the service call")  # noqa: B023
            took_ms.append(1000 * (_services_at(house)[number] - call.stream.typed_at[-1]))
            time.sleep(PAUSE_S)
        call.hang_up()
    return took_ms


def _services_at(house: StandInHomeAssistant) -> list[float]:
    return [item.at for item in house.requests if item.path.startswith("services/")]
