"""How long somebody who answers waits for the first syllable."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from hasip.sip.media import BRIDGE_RATE_HZ
from support import audio
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.bare import BareProgram
    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

    Fields = Mapping[str, object]  # of a command

TEXT = "Hello there"
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
    count = shop.few_or(CALLS)
    for name, delay_s, is_cached in (
        ("answer to first syllable, speech cached", 0.0, True),
        ("answer to first syllable, engine takes 500 ms", ENGINE_TAKES_S, False),
    ):
        with StandInHomeAssistant() as house:
            house.delays_s["tts_proxy"] = delay_s
            cache = shop.folder / "cache"
            cache.mkdir(exist_ok=True)
            with shop.gateway(house=house, SIP1_SETTLE_TIME="0", CACHE_DIR=str(cache)) as gateway:
                prompt = _same if is_cached else _another
                took_ms = _answers(count, gateway, house, prompt)
            # The first one fills the cache.
            ours = shop.figure(name, "ms", took_ms[is_cached:])
            yield ours
            if is_cached:
                wav = str(_at_bridge_rate(house.speak(TEXT), shop.folder))
                with shop.bare() as bare:
                    theirs = _answers(count, bare, house, lambda _: (TEXT, {"wav": wav}))  # noqa: B023
                yield shop.beside(ours, "a file that bare pjsua2 plays", "ms", theirs)


def _same(_: int) -> tuple[str, Fields]:
    return TEXT, {"menu": {"message": TEXT, "cache_audio": True}}


def _another(number: int) -> tuple[str, Fields]:
    text = f"Hello number {number}"
    return text, {"menu": {"message": text}}


def _at_bridge_rate(speech: Path, folder: Path) -> Path:
    """Return it as the gateway converts it."""
    wav = folder / "speech.wav"
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(speech), "-ar", str(BRIDGE_RATE_HZ)]
    subprocess.run([*command, str(wav)], check=True, timeout=20, stdin=subprocess.DEVNULL)
    return wav


def _answers(
    calls: int,
    subject: GatewayProcess | BareProgram,
    house: StandInHomeAssistant,
    prompt: Callable[[int], tuple[str, Fields]],
) -> list[float]:
    """Be called so often; `prompt` returns what is heard, and how that is asked for."""
    took_ms = []
    with Phone("b", answer_after_s=RINGS_S) as phone:
        for number in range(calls):
            # Each call follows the sound of the one before by whole seconds: without this all
            # would meet the media clock at the same moment between two of its ticks.
            time.sleep(TICK_S * number / calls)
            text, how = prompt(number)
            uri = phone.uri.replace("b@", f"b{number}@")
            subject.command({"command": "dial", "number": uri, **how})
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
