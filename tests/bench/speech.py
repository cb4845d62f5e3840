"""How long somebody who answers waits for the first syllable."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from bench.menus import TEXT
from hasip.sip.media import BRIDGE_RATE_HZ
from support import audio
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.phone.rtp import PACKET_S, PACKET_SAMPLES
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

    Fields = Mapping[str, object]  # of a command

CALLS = 20
ENGINE_TAKES_S = 0.5
# The second is longer than the engine takes.
SHORT_RING_S, LONG_RING_S = 0.3, 1.0
LOUD_DBFS = -45
TICK_S = 0.02  # of pjsip's media clock


def first_syllable(shop: Workshop) -> Iterator[Figure]:
    """From the phone's 200 to the first packet with sound in it.

    The silence that the engine's own audio begins with is taken off.
    """
    count = shop.less(CALLS)
    with StandInHomeAssistant() as house:
        with _gateway(shop, house) as gateway:
            took_ms = _syllables(count, gateway, house, _same, SHORT_RING_S)
        ours = shop.figure("answer to first syllable, speech cached", "ms", took_ms)
        yield ours
        wav = str(at_bridge_rate(house.speak(TEXT), shop.folder))
        with shop.bare() as bare:
            theirs = _syllables(count, bare, house, lambda _: (TEXT, {"wav": wav}), SHORT_RING_S)
        yield shop.beside(ours, "a file that bare pjsua2 plays", "ms", theirs)
        house.delays_s["tts_proxy"] = ENGINE_TAKES_S
        with _gateway(shop, house) as gateway:
            took_ms = _syllables(count, gateway, house, _another, LONG_RING_S)
        yield shop.figure("answer to first syllable, engine takes 500 ms", "ms", took_ms)


def _gateway(shop: Workshop, house: StandInHomeAssistant) -> GatewayProcess:
    return shop.gateway(house=house, SIP1_SETTLE_TIME="0", CACHE_DIR=shop.cache)


def _same(_: int) -> tuple[str, Fields]:
    return TEXT, {"menu": {"message": TEXT, "cache_audio": True}}


def _another(number: int) -> tuple[str, Fields]:
    text = f"Hello number {number}"
    return text, {"menu": {"message": text}}


def at_bridge_rate(speech: Path, folder: Path) -> Path:
    """Return it as the gateway converts it."""
    wav = folder / "speech.wav"
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(speech), "-ar", str(BRIDGE_RATE_HZ)]
    subprocess.run([*command, str(wav)], check=True, timeout=20, stdin=subprocess.DEVNULL)
    return wav


def _syllables(
    calls: int,
    subject: GatewayProcess | BareProgram,
    house: StandInHomeAssistant,
    prompt: Callable[[int], tuple[str, Fields]],
    rings_s: float,
) -> list[float]:
    """Be called so often, and once before, which fills the cache.

    `prompt` returns what is heard in each call, and how that is asked for.
    """
    took_ms = []
    with Phone("b", answer_after_s=rings_s) as phone:
        for number in range(1 + calls):
            # Each call follows the sound of the one before by whole seconds: without this all
            # would meet the media clock at the same moment between two of its ticks.
            time.sleep(TICK_S * number / calls)
            text, how = prompt(number)
            uri = phone.uri.replace("b@", f"b{number}@")
            subject.command({"command": "dial", "number": uri, **how})
            call = phone.wait_call()
            heard = call.stream.samples
            wait_until(lambda: _first_loud(heard) is not None, "sound")  # noqa: B023
            packet = _first_loud(heard) or 0
            assert call.answered_at is not None
            waited_s = call.stream.arrivals[packet] - call.answered_at
            lead = _first_loud(audio.read_wav(house.speak(text))) or 0
            took_ms.append(1000 * (waited_s - lead * PACKET_S))
            call.hang_up()
    return took_ms[1:]


def _first_loud(samples: Sequence[int]) -> int | None:
    """Return the number of the first packet in which there is sound."""
    for at in range(0, len(samples) - PACKET_SAMPLES + 1, PACKET_SAMPLES):
        if audio.level_dbfs(samples[at : at + PACKET_SAMPLES]) > LOUD_DBFS:
            return at // PACKET_SAMPLES
    return None
