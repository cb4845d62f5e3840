"""Measures audio: 16-bit samples at 8 kHz, as the phone hears them."""

from __future__ import annotations

import array
import audioop
import math
import struct
import wave
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RATE_HZ = 8_000
FULL_SCALE = 32_768.0
SILENCE_DBFS = -120.0


def sine(frequency_hz: float, seconds: float, level_dbfs: float = -10.0) -> list[int]:
    """Return a tone whose RMS level is `level_dbfs` below that of a full-scale square wave."""
    peak = FULL_SCALE * 10 ** (level_dbfs / 20) * math.sqrt(2)
    step = 2 * math.pi * frequency_hz / RATE_HZ
    return [round(peak * math.sin(step * index)) for index in range(int(seconds * RATE_HZ))]


def level_dbfs(samples: Sequence[int]) -> float:
    """Return the RMS level; -120 for silence."""
    rms = audioop.rms(array.array("h", samples), 2)
    return 20 * math.log10(rms / FULL_SCALE) if rms else SILENCE_DBFS


def tone_dbfs(samples: Sequence[int], frequency_hz: float) -> float:
    """Return the level of one frequency, by Goertzel's algorithm."""
    count = len(samples)
    if count == 0:
        return SILENCE_DBFS
    factor = 2 * math.cos(2 * math.pi * frequency_hz / RATE_HZ)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = last * last + before * before - factor * last * before
    amplitude = 2 * math.sqrt(max(0.0, power)) / count
    rms = amplitude / math.sqrt(2) / FULL_SCALE
    return max(SILENCE_DBFS, 20 * math.log10(rms)) if rms > 0 else SILENCE_DBFS


def seconds_of(samples: Sequence[int], frequency_hz: float) -> float:
    """Return for how long a tone is heard; levels differ, since G.722 is spoken on two scales."""
    windows = [samples[at : at + 800] for at in range(0, len(samples) - 799, 800)]
    return 0.1 * sum(tone_dbfs(window, frequency_hz) > -30 for window in windows)


# Low and high frequency of every digit (ITU-T Q.23).
DTMF_HZ = {
    digit: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, digit in zip((1209, 1336, 1477, 1633), row, strict=True)
}


def dtmf_digits(samples: Sequence[int]) -> str:
    """Return the digits whose tone pairs are in the audio, each at least 40 ms (ITU-T Q.24)."""
    step = 160
    found, held, previous = "", 0, ""
    for at in range(0, len(samples) - step + 1, step):
        now = _dtmf_digit(samples[at : at + step])
        held = held + 1 if now == previous else 1
        previous = now
        if now and held == 2:
            found += now
    return found


def _dtmf_digit(samples: Sequence[int]) -> str:
    """Return the digit of a window of 20 ms, or nothing: both tones loud, and little else."""
    total = level_dbfs(samples)
    if total < -40:
        return ""
    low = max((697, 770, 852, 941), key=lambda hz: tone_dbfs(samples, hz))
    high = max((1209, 1336, 1477, 1633), key=lambda hz: tone_dbfs(samples, hz))
    power = sum(10 ** (tone_dbfs(samples, hz) / 10) for hz in (low, high))
    if 10 * math.log10(power) < total - 2:
        return ""
    return next(digit for digit, pair in DTMF_HZ.items() if pair == (low, high))


def envelope(samples: Sequence[int], step_s: float = 0.02) -> list[float]:
    """Return the RMS of every step."""
    data, size = array.array("h", samples).tobytes(), 2 * int(step_s * RATE_HZ)
    return [audioop.rms(data[at : at + size], 2) for at in range(0, len(data) - size + 1, size)]


def likeness(heard: Sequence[int], sent: Sequence[int]) -> float:
    """Return how alike two recordings sound, 0 to 1: the best correlation of their envelopes.

    `sent` is looked for anywhere in `heard`, without the silence at its end.
    """
    long, short = envelope(heard), envelope(sent)
    while short and short[-1] == 0:
        short.pop()
    if not short or len(long) < len(short):
        return 0.0
    return max(
        _correlation(long[shift : shift + len(short)], short)
        for shift in range(len(long) - len(short) + 1)
    )


def _correlation(left: Sequence[float], right: Sequence[float]) -> float:
    mean_left, mean_right = sum(left) / len(left), sum(right) / len(right)
    products = sum((a - mean_left) * (b - mean_right) for a, b in zip(left, right, strict=True))
    square_left = sum((a - mean_left) ** 2 for a in left)
    square_right = sum((b - mean_right) ** 2 for b in right)
    scale = math.sqrt(square_left * square_right)
    return products / scale if scale else 0.0


def write_wav(path: Path, samples: Sequence[int], rate_hz: int = RATE_HZ) -> None:
    """Write samples as WAV."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def read_wav(path: Path) -> list[int]:
    """Return the samples of a 16-bit WAV, the left ones, at 8 kHz by averaging neighbours."""
    with wave.open(str(path), "rb") as wav:
        data, rate_hz = wav.readframes(wav.getnframes()), wav.getframerate()
        frame = 2 * wav.getnchannels()
    samples = list(struct.unpack(f"<{len(data) // 2}h", data))[:: frame // 2]
    ratio = rate_hz / RATE_HZ
    return [
        sum(part) // len(part)
        for index in range(int(len(samples) / ratio))
        if (part := samples[int(index * ratio) : max(int((index + 1) * ratio), 1)])
    ]
