"""Breaks bytes, by a generator with a seed: the same seed breaks the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

# What has broken parsers: signs that mean something, long runs, numbers out of range.
ODD = (
    b"\r\n", b"\x00", b"\xff\xfe", b"<", b">", b'"', b";", b":", b"@", b"=", b"%00", b"%n%s",
    b"-1", b"0", b"4294967296", b"99999999999999999999", b"A" * 3000, b"[::1", b"\r\n\r\n",
    b"\xed\xa0\x80", b"\\", b"(", b",", b" ", b"\t", b"*", b"2147483648", b"1e999", b"\xc0\xaf",
)  # fmt: skip
# What takes time that grows with the square of its length, if anything does: as much of it as fits.
SEPARATORS = (
    b" ", b"\t", b"\r\n ", b"\n", b"a", b"1", b",", b";", b'"', b'\\"', b"<", b">", b":", b"@",
    b"%41", b"-", b"=", b"sip:", b"sip:;", b"; ", b", ",
)  # fmt: skip
LONG_RUNS_BYTES = (3_500, 7_500, 15_000)  # pjsip takes 4,000 or 16,000 by UDP
LARGEST_BYTES = 60_000


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to six changes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 2, 8, 40)))
        match rng.randrange(7):
            case 0:
                changed[at:end] = b""
            case 1:
                changed[at:at] = rng.choice(ODD)
            case 2:
                changed[at:end] = rng.choice(ODD)
            case 3:
                changed[at:at] = changed[at:end] * rng.choice((1, 2, 50))
            case 4 if b"\n" in changed:
                _shuffle_line(rng, changed)
            case 5:
                run = rng.choice(SEPARATORS)
                changed[at:at] = run * (rng.choice(LONG_RUNS_BYTES) // len(run))
            case _:
                changed[at:end] = rng.randbytes(end - at)
    return bytes(changed[:LARGEST_BYTES])


def perhaps(rng: random.Random, data: bytes, chance: float) -> bytes:
    """Return the bytes, broken with that chance."""
    return mutated(rng, data) if rng.random() < chance else data


def spliced(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return one of a corpus, or the beginning of one with the end of another."""
    first = rng.choice(corpus)
    if rng.random() < 0.7:
        return first
    second = rng.choice(corpus)
    return first[: rng.randrange(len(first) + 1)] + second[rng.randrange(len(second) + 1) :]


def _shuffle_line(rng: random.Random, data: bytearray) -> None:
    """Take away, repeat or move a line."""
    lines = data.split(b"\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2, 30))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    data[:] = b"\n".join(lines)
