"""How fast SIP goes, whatever Home Assistant does."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

DIALS = 200
# The wheel's pjsip has 64 sockets, and keeps those of a call for half a second after its end.
DIAL_EVERY_S = 0.05
CALLS = 20
PING_EVERY_S = 0.005
SPEECH_TAKES_S = WEBHOOKS_TAKE_S = 3.0
BUSY_HERE = 486
OK = 200

MENU = {
    "menu": {
        "message": "Hello there",
        "choices": {"5": {"action": {"domain": "d", "service": "s"}, "post_action": "return"}},
    }
}
# The same dial again, as automations with a whole menu send it: 2 kB.
LARGE_MENU = {
    "message": "Somebody is at the door. " * 8,
    "choices": {
        str(digit): {
            "id": f"choice_{digit}",
            "message": "You have chosen this. " * 4,
            "action": {"domain": "switch", "service": "turn_on", "entity_id": f"switch.s{digit}"},
            "post_action": "return",
        }
        for digit in range(9)
    },
}
NOTHING: Mapping[str, object] = MappingProxyType({})


def dial(shop: Workshop) -> Iterator[Figure]:
    """From a line on stdin to the INVITE at the phone."""
    count = shop.few_or(DIALS)
    for size, extra in (("small", NOTHING), ("2 kB", {"menu": LARGE_MENU})):
        with shop.bare() as bare:
            theirs = dials(count, bare, extra)
        name = f"dial to INVITE, {size} command"
        with StandInHomeAssistant() as house, shop.gateway(house=house) as gateway:
            ours = shop.figure(name, "ms", dials(count, gateway, extra))
        yield ours
        yield shop.beside(ours, f"dial of bare pjsua2, {size} command", "ms", theirs)


def dials(
    count: int, subject: GatewayProcess | BareProgram, extra: Mapping[str, object] = NOTHING
) -> list[float]:
    """Dial so often; returns the milliseconds from the command to the INVITE of each."""
    took_ms = []
    with Phone("b", reject_with=BUSY_HERE) as phone:
        for number in range(count):
            began = time.monotonic()
            # Another number every time: one that is still ringing is not dialled again.
            uri = phone.uri.replace("b@", f"b{number}@")
            subject.command({"command": "dial", "number": uri, **extra})
            took_ms.append(1000 * (phone.wait_call().began_at - began))
            time.sleep(max(0.0, began + DIAL_EVERY_S - time.monotonic()))
    return took_ms


def slow_speech(shop: Workshop) -> Iterator[Figure]:
    """OPTIONS while speech takes 3 s."""
    with (
        StandInHomeAssistant() as house,
        shop.gateway(house=house, menu_file=MENU) as gateway,
    ):
        house.delays_s["tts_get_url"] = SPEECH_TAKES_S
        took_ms = _pings(gateway)
    ours = shop.figure("OPTIONS while speech takes 3 s", "ms", took_ms)
    yield ours
    with shop.bare() as bare:
        yield shop.beside(ours, "OPTIONS of bare pjsua2 in a call", "ms", _pings(bare))


def _pings(subject: GatewayProcess | BareProgram) -> list[float]:
    """Call, and ask as long as speech takes."""
    took_ms = []
    with Phone("caller") as caller, Phone("pinger") as pinger:
        caller.call(subject.uri).wait_answered()
        ends_at = time.monotonic() + SPEECH_TAKES_S + 1
        while time.monotonic() < ends_at:
            took_ms.append(1000 * pinger.ping(subject.address))
            time.sleep(PING_EVERY_S)
    return took_ms


def slow_webhooks(shop: Workshop) -> Iterator[Figure]:
    """INVITE to 200 while every webhook takes 3 s."""
    with (
        StandInHomeAssistant() as house,
        shop.gateway(house=house, menu_file=MENU) as gateway,
    ):
        house.delays_s["webhook"] = WEBHOOKS_TAKE_S
        took_ms = _answers(shop.few_or(CALLS), gateway)
    ours = shop.figure("INVITE to 200 while webhooks take 3 s", "ms", took_ms)
    yield ours
    with shop.bare() as bare:
        yield shop.beside(ours, "INVITE to 200 of bare pjsua2", "ms", _answers(CALLS, bare))


def _answers(count: int, subject: GatewayProcess | BareProgram) -> list[float]:
    took_ms = []
    with Phone("caller") as caller:
        for _ in range(count):
            call = caller.call(subject.uri).wait_answered()
            answered_at = next(at for at, status in call.statuses if status == OK)
            took_ms.append(1000 * (answered_at - call.began_at))
            call.hang_up()
            wait_until(call.is_ended.is_set, "the call is over")
            time.sleep(DIAL_EVERY_S)
    return took_ms
