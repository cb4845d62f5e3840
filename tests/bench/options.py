"""How fast OPTIONS are answered, whatever Home Assistant does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.menus import GREETING
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figure import Figure
    from bench.workshop import Workshop

OK = 200
# The gateway answers 50 a second that belong to no call; it refuses more (503).
PING_EVERY_S = 0.025
SPEECH_TAKES_S = 3.0
WINDOWS = 5
# Speech has not come yet at the end of a window.
MARGIN_S = 0.1


def pings(
    pinger: Phone, address: tuple[str, int], goes_on: Callable[[int], bool], *, every_s: float
) -> list[float]:
    """Ask, as long as that holds for how many were answered; returns the milliseconds of each.

    Only 200 counts as an answer: another one raises AssertionError.
    """
    took_ms: list[float] = []
    while goes_on(len(took_ms)):
        took_ms.append(1000 * pinger.ping(address, wants=OK))
        time.sleep(every_s)
    return took_ms


def so_many_pings(count: int, address: tuple[str, int]) -> list[float]:
    """Ask so often."""
    with Phone("pinger") as pinger:
        return pings(pinger, address, lambda done: done < count, every_s=PING_EVERY_S)


def slow_speech(shop: Workshop) -> Iterator[Figure]:
    """OPTIONS while a call waits for speech that takes 3 s."""
    windows = shop.less(WINDOWS)
    speaks_anew = {"menu": {**GREETING["menu"], "cache_audio": False}}
    took_ms: list[float] = []
    with (
        StandInHomeAssistant() as house,
        shop.gateway(house=house, menu_file=speaks_anew) as gateway,
        Phone("caller") as caller,
        Phone("pinger") as pinger,
    ):
        house.delays_s["tts_get_url"] = SPEECH_TAKES_S
        for _ in range(windows):
            house.requests.clear()
            call = caller.call(gateway.uri).wait_answered()
            house.wait(lambda: _asked_at(house) is not None, "the question for speech")
            ends_at = (_asked_at(house) or 0.0) + SPEECH_TAKES_S - MARGIN_S
            took_ms += pings(pinger, gateway.address, _until(ends_at), every_s=PING_EVERY_S)
            assert not _has_come(house), "speech came before the end of a window"
            house.wait(lambda: _has_come(house), "speech")
            call.hang_up()
    ours = shop.figure("OPTIONS while speech takes 3 s", "ms", took_ms)
    yield ours
    theirs: list[float] = []
    with shop.bare() as bare, Phone("caller") as caller, Phone("pinger") as pinger:
        caller.call(bare.uri).wait_answered()
        for _ in range(windows):
            ends_at = time.monotonic() + SPEECH_TAKES_S - MARGIN_S
            theirs += pings(pinger, bare.address, _until(ends_at), every_s=PING_EVERY_S)
    yield shop.beside(ours, "OPTIONS of bare pjsua2 in a call", "ms", theirs)


def _asked_at(house: StandInHomeAssistant) -> float | None:
    return next((item.at for item in house.requests if item.path == "tts_get_url"), None)


def _has_come(house: StandInHomeAssistant) -> bool:
    return any(item.path.startswith("tts_proxy") for item in house.requests)


def _until(ends_at: float) -> Callable[[int], bool]:
    return lambda _: time.monotonic() < ends_at
