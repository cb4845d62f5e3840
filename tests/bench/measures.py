"""The measurements, each a function from a folder to work in to figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.process import resident_mib, share_of_core
from bench.table import Figure, figure
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

IDLE_S = 20.0
STARTS = 7
DIALS = 60
# The wheel's pjsip has 64 sockets, and keeps those of a call for half a second after its end.
DIAL_EVERY_S = 0.05
DIGITS = 40
CALLS = 8
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


def start(folder: Path) -> list[Figure]:
    """From the start of the process to the first answer to OPTIONS."""
    took_ms = []
    with Phone("pinger") as phone:
        for _ in range(STARTS):
            began = time.monotonic()
            with GatewayProcess(folder, SIP1_ANSWER_MODE="listen") as gateway:
                phone.ping(gateway.address)
                took_ms.append(1000 * (time.monotonic() - began))
    return [figure("start to the first answer to OPTIONS", "ms", took_ms)]


def idle(folder: Path) -> list[Figure]:
    """Doing nothing, one account."""
    with GatewayProcess(folder) as gateway:
        return [
            figure("memory, idle, after start", "MiB", [resident_mib(gateway.pid)]),
            figure("idle processor, of one core", "%", [share_of_core(gateway.pid, IDLE_S)]),
        ]


def dial(folder: Path) -> list[Figure]:
    """From a line on stdin to the INVITE at the phone."""
    small: dict[str, object] = {}
    return [
        figure("dial on stdin to INVITE, small command", "ms", _dial(folder, small)),
        figure("dial on stdin to INVITE, 2 kB command", "ms", _dial(folder, {"menu": LARGE_MENU})),
    ]


def _dial(folder: Path, extra: dict[str, object]) -> list[float]:
    took_ms = []
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house) as gateway,
        Phone("b", reject_with=BUSY_HERE) as phone,
    ):
        for number in range(DIALS):
            began = time.monotonic()
            gateway.command({"command": "dial", "number": phone.uri, **extra})
            call = phone.wait_call()
            took_ms.append(1000 * (call.began_at - began))
            wait_until(
                lambda: sum("Removing call" in line for line in gateway.own_lines) > number,  # noqa: B023 - asked at once
                "the call is gone",
            )
            time.sleep(max(0.0, began + DIAL_EVERY_S - time.monotonic()))
    return took_ms


def slow_speech(folder: Path) -> list[Figure]:
    """OPTIONS while speech takes 3 s."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house, menu_file=MENU) as gateway,
        Phone("caller") as caller,
        Phone("pinger") as pinger,
    ):
        house.delays_s["tts_get_url"] = 3.0
        caller.call(gateway.uri).wait_answered()
        took_ms = []
        ends_at = time.monotonic() + 4
        while time.monotonic() < ends_at:
            took_ms.append(1000 * pinger.ping(gateway.address))
    return [figure("answer to OPTIONS while speech takes 3 s", "ms", took_ms)]


def slow_webhooks(folder: Path) -> list[Figure]:
    """INVITE to 200 while every webhook takes 3 s."""
    took_ms = []
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house, menu_file=MENU) as gateway,
        Phone("caller") as caller,
    ):
        house.delays_s["webhook"] = 3.0
        for _ in range(CALLS):
            call = caller.call(gateway.uri).wait_answered()
            answered_at = next(at for at, status in call.statuses if status == OK)
            took_ms.append(1000 * (answered_at - call.began_at))
            call.hang_up()
    return [figure("INVITE to 200 while every webhook takes 3 s", "ms", took_ms)]


def digits(folder: Path) -> list[Figure]:
    """From the first packet of a digit to the service call at Home Assistant."""
    return [
        figure("digit to service call", "ms", _digits(folder, 0.0)),
        figure("digit to service call while webhooks take 200 ms", "ms", _digits(folder, 0.2)),
    ]


def _digits(folder: Path, webhook_delay_s: float) -> list[float]:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house, menu_file=MENU) as gateway,
        Phone("caller") as caller,
    ):
        house.delays_s["webhook"] = webhook_delay_s
        call = caller.call(gateway.uri).wait_answered()
        call.wait_sound()
        for number in range(DIGITS):
            call.type_digits("5")
            house.wait(lambda: len(house.services) > number, "the service call")  # noqa: B023
            time.sleep(0.1)  # the pause after a digit
        came_at = [item.at for item in house.requests if item.path.startswith("services/")]
        return [
            1000 * (came - typed) for came, typed in zip(came_at, call.stream.typed_at, strict=True)
        ]


ALL = (start, idle, dial, slow_speech, slow_webhooks, digits)
