"""Makes the error sound: three short tones that fall, softly begun and ended, and a silent tail."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

RATE_HZ = 16_000
TONES_HZ = (660.0, 550.0, 440.0)
TONE_S = 0.16
GAP_S = 0.06
FADE_S = 0.01
TAIL_S = 1.0  # as calls/prompt.py has it
PEAK = 9_000

TARGET = Path(__file__).parents[1] / "ha-sip/hasip/audio/error.wav"


def main() -> None:
    """Write the file that the package brings along."""
    samples: list[int] = []
    for tone_hz in TONES_HZ:
        count = int(TONE_S * RATE_HZ)
        for index in range(count):
            edge_s = min(index, count - index) / RATE_HZ
            loudness = PEAK * min(1.0, edge_s / FADE_S)
            samples.append(int(loudness * math.sin(2 * math.pi * tone_hz * index / RATE_HZ)))
        samples += [0] * int(GAP_S * RATE_HZ)
    samples += [0] * int(TAIL_S * RATE_HZ)
    with wave.open(str(TARGET), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(struct.pack(f"<{len(samples)}h", *samples))


if __name__ == "__main__":
    main()
