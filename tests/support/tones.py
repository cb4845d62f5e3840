"""Digits as a telephone sends them in its audio, and what else is heard on a line."""

from __future__ import annotations

import array
import audioop
import math
import random
from typing import TYPE_CHECKING, NamedTuple

from support.audio import DTMF_HZ, FULL_SCALE, RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALL_DIGITS = "1234567890*#ABCD"


class Sender(NamedTuple):
    """How a telephone makes its tones."""

    on_s: float = 0.05
    off_s: float = 0.05
    level_dbfs: float = -12.0  # of both tones together
    twist_db: float = 0.0  # the high tone above the low one
    low_off: float = 0.0  # a share of the frequency
    high_off: float = 0.0
    rate_hz: int = RATE_HZ

    def pair(self, digit: str) -> list[float]:
        """Return one digit, without a pause."""
        low_hz, high_hz = DTMF_HZ[digit]
        power = (FULL_SCALE * 10 ** (self.level_dbfs / 20)) ** 2
        low_power = power / (1 + 10 ** (self.twist_db / 10))
        sines = (
            (low_hz * (1 + self.low_off), low_power),
            (high_hz * (1 + self.high_off), power - low_power),
        )
        return mixed(sine(hz, self.on_s, math.sqrt(2 * part), self.rate_hz) for hz, part in sines)

    def type(self, digits: str) -> list[float]:
        """Return digits with silence before, between and after them."""
        samples = self.silence(random.uniform(0.05, 0.1))
        for digit in digits:
            samples += self.pair(digit) + self.silence(self.off_s)
        return samples + self.silence(0.2)

    def silence(self, seconds: float) -> list[float]:
        """Return nothing."""
        return [0.0] * round(seconds * self.rate_hz)


def sine(frequency_hz: float, seconds: float, peak: float, rate_hz: int = RATE_HZ) -> list[float]:
    """Return a sine that begins anywhere in its period."""
    step, start = 2 * math.pi * frequency_hz / rate_hz, random.uniform(0, 2 * math.pi)
    return [peak * math.sin(start + step * at) for at in range(round(seconds * rate_hz))]


def mixed(parts: Iterable[Sequence[float]]) -> list[float]:
    """Return the sum of audio of one length."""
    return [sum(samples) for samples in zip(*parts, strict=True)]


def with_noise(samples: Sequence[float], level_dbfs: float) -> list[float]:
    """Add white noise."""
    rms = FULL_SCALE * 10 ** (level_dbfs / 20)
    return [sample + random.gauss(0, rms) for sample in samples]


def with_echo(samples: Sequence[float], delay_s: float, level_db: float) -> list[float]:
    """Add the same once more, later and weaker."""
    delay, factor = round(delay_s * RATE_HZ), 10 ** (level_db / 20)
    late = [0.0] * delay + [factor * sample for sample in samples]
    return mixed((samples, late[: len(samples)]))


def to_pcm(samples: Iterable[float]) -> bytes:
    """Return 16-bit samples as bytes, clipped."""
    limit = int(FULL_SCALE) - 1
    return array.array("h", (max(-limit, min(limit, round(x))) for x in samples)).tobytes()


def to_samples(samples: Iterable[float]) -> list[int]:
    """Return 16-bit samples as numbers, clipped."""
    return list(array.array("h", to_pcm(samples)))


def through(law: str, pcm: bytes) -> bytes:
    """Return what G.711 leaves of audio: `ulaw` or `alaw`, or `linear` for all of it."""
    if law == "ulaw":
        return audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)
    if law == "alaw":
        return audioop.alaw2lin(audioop.lin2alaw(pcm, 2), 2)
    return pcm
