"""A prompt for each of many calls: a tone of its own height, by which it is known."""

from __future__ import annotations

import math
import struct
import wave
from typing import TYPE_CHECKING

from hasip.sip.media import BRIDGE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOWEST_HZ, STEP_HZ = 300, 10


def tone_hz(number: int) -> int:
    """Return the height of a call's tone."""
    return LOWEST_HZ + STEP_HZ * number


def write_tones(folder: Path, count: int, seconds: float) -> None:
    """Write `0.wav`, … at the bridge's rate, as the gateway converts all prompts."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        path = folder / f"{number}.wav"
        if path.exists():
            continue
        second = _sine(tone_hz(number))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(BRIDGE_RATE_HZ)
            for _ in range(math.ceil(seconds)):
                file.writeframes(second)


def _sine(hz: int) -> bytes:
    step = 2 * math.pi * hz / BRIDGE_RATE_HZ
    samples: Sequence[int] = [round(8000 * math.sin(step * at)) for at in range(BRIDGE_RATE_HZ)]
    return struct.pack(f"<{len(samples)}h", *samples)
