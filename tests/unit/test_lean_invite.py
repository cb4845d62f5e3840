"""What is left out of an INVITE that is too long for one packet."""

from __future__ import annotations

import pytest

from hasip.sip.lean_invite import LARGEST, NOT_NEEDED, REMOVED, what_goes

LINES = (
    b"INVITE sip:a@b SIP/2.0",
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
    b"To: <sip:a@b>",
    b"Allow: INVITE, ACK, BYE",
    b"Supported: replaces, timer, norefersub",
    b"Session-Expires: 1800",
    b"Min-SE: 90",
    b"User-Agent: ha-sip",
)
SHORTEST = b"\r\n".join([*LINES[:3], b"Supported: replaces, timer", b"", b""])


def of_length(length: int, lines: tuple[bytes, ...] = LINES) -> bytes:
    invite = b"\r\n".join([*lines, b"", b""])
    return invite + b"x" * (length - len(invite))


@pytest.mark.parametrize(
    ("too_long_by", "goes", "left"),
    [
        (0, [], 0),
        (1, [NOT_NEEDED], -11),
        (12, [NOT_NEEDED], 0),
        (13, [NOT_NEEDED, b"Min-SE"], -11),
        (25, [NOT_NEEDED, b"Min-SE", b"User-Agent"], -19),
    ],
)
def test_no_more_goes_than_must(too_long_by: int, goes: list[bytes], left: int) -> None:
    assert what_goes(of_length(LARGEST + too_long_by)) == (goes, LARGEST + left)


def test_what_is_too_long_all_the_same_says_so_and_nothing_is_left_to_go() -> None:
    names, length = what_goes(of_length(3000))

    assert names == [NOT_NEEDED, *REMOVED]
    assert length == 3000 - len(of_length(0)) + len(SHORTEST)
    assert what_goes(SHORTEST + b"x" * (length - len(SHORTEST))) == ([], length)


@pytest.mark.parametrize(
    ("written", "instead"),
    [(b"SIP/2.0/UDP", b"SIP/2.0/TCP"), (b"To: <sip:a@b>", b"To: <sip:a@b>;tag=1")],
    ids=["by TCP", "within a call"],
)
def test_others_stay_as_they_are(written: bytes, instead: bytes) -> None:
    assert what_goes(of_length(3000).replace(written, instead)) == ([], 0)
