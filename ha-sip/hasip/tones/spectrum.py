"""How strong, and at which exact frequency, the eight tones of ITU-T Q.23 are in 20 ms of audio.

What Goertzel's algorithm computes is a dot product of the audio with a cosine and a sine.
`audioop` computes dot products of 16-bit samples in C, thirty times as fast as a Python loop: it is
in Python up to 3.12, and a package of its own from 3.13 on.

The window is Hann's: it keeps the two tones of a digit, and speech beside them, out of each
other's way. Neighbours within a group (697 and 770 Hz) are nearer than it can tell apart, so the
frequency is measured instead: by how far the phase moves from one window to the next.
"""

from __future__ import annotations

import array
import audioop
import cmath
import functools
import math
import sys
from typing import NamedTuple

WINDOW_S = 0.020
HOP_S = 0.005
SAMPLE_BYTES = 2
_FULL_SCALE = 32_767
_TINY = 1e-6
LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)


class Tone(NamedTuple):
    """A tone of a group in one window."""

    place: int  # in its group
    power: float  # mean square, in units of samples
    deviation: float  # from its nominal frequency, as a share of it


class _Probe:
    """Compares audio with one frequency; has no state, and serves all calls."""

    def __init__(self, frequency_hz: float, rate_hz: int) -> None:
        count = round(WINDOW_S * rate_hz)
        self.frequency_hz = frequency_hz
        # What the phase of this very frequency does from one window to the next.
        self.step = cmath.exp(-2j * math.pi * frequency_hz * HOP_S)
        window = [0.5 - 0.5 * math.cos(2 * math.pi * (at + 0.5) / count) for at in range(count)]
        turns = [2 * math.pi * frequency_hz * at / rate_hz for at in range(count)]
        cosines = [round(_FULL_SCALE * w * math.cos(t)) for w, t in zip(window, turns, strict=True)]
        sines = [round(-_FULL_SCALE * w * math.sin(t)) for w, t in zip(window, turns, strict=True)]
        self._cosine, self._sine = _to_bytes(cosines), _to_bytes(sines)
        # `findfactor` divides by the reference's own power; this gives the amplitude of a tone.
        scale = 2 / (_FULL_SCALE * sum(window))
        self._cosine_scale = scale * sum(value * value for value in cosines)
        self._sine_scale = scale * sum(value * value for value in sines)

    def look(self, window: bytes) -> complex:
        """Return amplitude and phase of this frequency."""
        return complex(
            audioop.findfactor(window, self._cosine) * self._cosine_scale,
            audioop.findfactor(window, self._sine) * self._sine_scale,
        )


# To work out the references of all 16 takes longer than all else that is done for a call.
_probe = functools.cache(_Probe)


class Group:
    """The four low or the four high tones, window after window."""

    def __init__(self, frequencies_hz: tuple[float, ...], rate_hz: int) -> None:
        self._probes = [_probe(hz, rate_hz) for hz in frequencies_hz]
        self._doubled = [_probe(2 * hz, rate_hz) for hz in frequencies_hz]
        self._before: list[complex] | None = None

    def look(self, window: bytes) -> Tone | None:
        """Return the strongest tone; None in the first window of several."""
        now = [probe.look(window) for probe in self._probes]
        before, self._before = self._before, now
        if before is None:
            return None
        place = max(range(len(now)), key=lambda index: abs(now[index]))
        probe = self._probes[place]
        turned = now[place] * before[place].conjugate() * probe.step
        off_hz = cmath.phase(turned) / (2 * math.pi * HOP_S)
        amplitude = abs(now[place]) / _response(off_hz * WINDOW_S)
        return Tone(place, amplitude * amplitude / 2, off_hz / probe.frequency_hz)

    def skip(self) -> None:
        """Take note that the next window does not follow the last one."""
        self._before = None

    def second_harmonic(self, window: bytes, place: int) -> float:
        """Return the power at twice a tone's frequency."""
        amplitude = abs(self._doubled[place].look(window))
        return amplitude * amplitude / 2


def _response(bins: float) -> float:
    """Return what the window leaves of a tone that is so far beside the probe's frequency."""
    off = min(abs(bins), 1.5)  # beyond it there is too little to say anything
    if math.isclose(off, 0, abs_tol=_TINY):
        return 1.0
    if math.isclose(off, 1, abs_tol=_TINY):
        return 0.5
    return math.sin(math.pi * off) / (math.pi * off * (1 - off * off))


def _to_bytes(samples: list[int]) -> bytes:
    values = array.array("h", samples)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
