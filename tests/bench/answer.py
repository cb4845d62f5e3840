"""How fast a call that comes in is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.one_call import one_call
from bench.options import OK
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

CALLS = 40
WEBHOOKS_TAKE_S = 3.0


def slow_webhooks(shop: Workshop) -> Iterator[Figure]:
    """INVITE to 200 while every webhook takes 3 s."""
    count = shop.less(CALLS)
    with StandInHomeAssistant() as house, shop.greeter(house) as gateway:
        answers(1, gateway)  # the prompt is made
        house.delays_s["webhook"] = WEBHOOKS_TAKE_S
        took_ms = answers(count, gateway)
    ours = shop.figure("INVITE to 200 while webhooks take 3 s", "ms", took_ms)
    yield ours
    with shop.bare() as bare:
        theirs = answers(1 + count, bare)[1:]
    yield shop.beside(ours, "INVITE to 200 of bare pjsua2", "ms", theirs)


def answers(count: int, subject: GatewayProcess | BareProgram) -> list[float]:
    """Call in so often, one call after the other; returns the milliseconds from INVITE to 200."""
    took_ms = []
    with Phone("caller") as caller:
        for _ in range(count):
            with one_call(subject):
                call = caller.call(subject.uri).wait_answered()
                answered_at = next(at for at, status in call.statuses if status == OK)
                took_ms.append(1000 * (answered_at - call.began_at))
                call.hang_up()
                wait_until(call.is_ended.is_set, "the call is over")
    return took_ms
