"""How long somebody who answers waits for the first syllable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support import audio
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.table import Figure
    from bench.workshop import Workshop

CALLS = 12
RINGS_S = 1.0
ENGINE_TAKES_S = 0.5
PACKET_SAMPLES = 160
RATE_HZ = 8_000
LOUD_DBFS = -45
TICK_S = 0.02  # of pjsip's media clock


def first_syllable(shop: Workshop) -> Iterator[Figure]:
    """From the ACK of the phone's 200 to the first packet with sound in it.

    The silence that the engine's own audio begins with is taken off.
    """
    for name, delay_s, is_cached in (
        ("answer to first syllable, speech cached", 0.0, True),
        ("answer to first syllable, engine takes 500 ms", ENGINE_TAKES_S, False),
    ):
        with StandInHomeAssistant() as house:
            house.delays_s["tts_proxy"] = delay_s
            took_ms = _answers(shop, house, is_cached=is_cached)
            # The first one fills the cache.
            yield shop.figure(name, "ms", took_ms[is_cached:])


def _answers(shop: Workshop, house: StandInHomeAssistant, *, is_cached: bool) -> list[float]:
    took_ms = []
    cache = shop.folder / "cache"
    cache.mkdir(exist_ok=True)
    with (
        shop.gateway(house=house, SIP1_SETTLE_TIME="0", CACHE_DIR=str(cache)) as gateway,
        Phone("b", answer_after_s=RINGS_S) as phone,
    ):
        calls = shop.few_or(CALLS)
        for number in range(calls):
            # Each call follows the sound of the one before by whole seconds: without this all
            # would meet the media clock at the same moment between two of its ticks.
            time.sleep(TICK_S * number / calls)
            text = "Hello there" if is_cached else f"Hello number {number}"
            menu = {"message": text, "cache_audio": is_cached}
            uri = phone.uri.replace("b@", f"b{number}@")
            gateway.command({"command": "dial", "number": uri, "menu": menu})
            call = phone.wait_call()
            assert call.is_answered.wait(10)
            answered_at = time.monotonic()
            heard = call.stream.samples
            wait_until(lambda: _first_loud(heard) is not None, "sound")  # noqa: B023
            packet = _first_loud(heard) or 0
            came_at = call.stream.arrivals[packet]
            lead = _first_loud(audio.read_wav(house.speak(text))) or 0
            took_ms.append(1000 * (came_at - answered_at - lead * PACKET_SAMPLES / RATE_HZ))
            call.hang_up()
    return took_ms


def _first_loud(samples: Sequence[int]) -> int | None:
    """Return the number of the first packet in which there is sound."""
    for at in range(0, len(samples) - PACKET_SAMPLES + 1, PACKET_SAMPLES):
        if audio.level_dbfs(samples[at : at + PACKET_SAMPLES]) > LOUD_DBFS:
            return at // PACKET_SAMPLES
    return None
