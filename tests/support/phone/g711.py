"""G.711 μ-law and A-law (ITU-T G.711), by tables."""

from __future__ import annotations

import struct

_BIAS = 0x84
_CLIP = 32_635


def _ulaw_value(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS) << ((code & 0x70) >> 4)
    return _BIAS - magnitude if code & 0x80 else magnitude - _BIAS


def _alaw_value(code: int) -> int:
    code ^= 0x55
    segment, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    value = mantissa + 8 if segment == 0 else (mantissa + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def _ulaw_code(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = max(0, magnitude.bit_length() - 8)
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF


_ULAW = [_ulaw_value(code) for code in range(256)]
_ALAW = [_alaw_value(code) for code in range(256)]


def _alaw_code(sample: int) -> int:
    magnitude = min(abs(sample), _CLIP) >> 4
    segment = max(0, magnitude.bit_length() - 4)
    code = (segment << 4) | ((magnitude >> max(0, segment - 1)) & 0x0F)
    return (code if sample < 0 else code | 0x80) ^ 0x55


# Of each 16 samples next to each other G.711 keeps at most one apart.
_TO_ULAW = bytes(_ulaw_code((index << 2) - 32_768) for index in range(16_384))
_TO_ALAW = bytes(_alaw_code((index << 2) - 32_768) for index in range(16_384))

PCMU = 0
PCMA = 8


def decode(payload: bytes, payload_type: int) -> list[int]:
    """Return the 16-bit samples of a payload (type 0 or 8)."""
    table = _ULAW if payload_type == PCMU else _ALAW
    return [table[code] for code in payload]


def encode(samples: list[int], payload_type: int) -> bytes:
    """Return 16-bit samples as a payload (type 0 or 8)."""
    table = _TO_ULAW if payload_type == PCMU else _TO_ALAW
    return bytes(table[(sample + 32_768) >> 2] for sample in samples)


def to_bytes(samples: list[int]) -> bytes:
    """Return samples as little-endian 16-bit."""
    return struct.pack(f"<{len(samples)}h", *samples)
