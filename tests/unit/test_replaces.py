"""Reads what an INVITE wants to replace."""

from __future__ import annotations

import pytest

from hasip.sip.received import tag
from hasip.sip.replaces import Replaces, read_replaces


def invite(*lines: str) -> str:
    return "\r\n".join(["INVITE sip:x@y SIP/2.0", "From: <sip:a@b>;tag=1", *lines, "", ""])


@pytest.mark.parametrize(
    ("value", "is_early_only"),
    [
        ("12@x.y;to-tag=7;from-tag=9", False),
        ("12@x.y ; from-tag=9;\r\n to-tag = 7;early-only", True),
        ("12@x.y;Early-Only;TO-TAG=7;other=1;from-tag=9", True),
    ],
)
def test_the_dialog_is_named_from_our_side(value: str, is_early_only: bool) -> None:  # noqa: FBT001
    read = read_replaces(invite(f"replaces: {value}"))

    assert read == Replaces("12@x.y", "7", "9", is_early_only)


def test_most_invites_replace_nothing() -> None:
    assert read_replaces(invite("Supported: replaces")) is None
    assert read_replaces(invite("", "Replaces: in;the=body")) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "x",
        "x;to-tag=1",
        "x;from-tag=1;to-tag",
        "x;to-tag=1;from-tag=",
        "x y;to-tag=1;from-tag=2",
        "x;to-tag=1;from-tag=2,y;to-tag=1;from-tag=2",
    ],
)
def test_what_is_not_clear_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="eplace"):
        read_replaces(invite(f"Replaces: {value}"))


def test_two_headers_are_refused() -> None:
    with pytest.raises(ValueError, match="not clear"):
        read_replaces(invite(*["Replaces: x;to-tag=1;from-tag=2"] * 2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:a@b;tag=no>;tag=yes", "yes"),
        ("<sip:a@b>; x=1; Tag = yes ;y", "yes"),
        ("sip:a@b;tag=yes", "yes"),
        ("<sip:a@b;tag=no>", ""),
    ],
)
def test_a_tag_is_read_beside_the_uri(value: str, expected: str) -> None:
    assert tag(f"SIP/2.0 200 OK\r\nTo: {value}\r\n\r\n", "To") == expected
