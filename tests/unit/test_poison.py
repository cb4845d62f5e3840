"""Hosts that are too long for pjsip, wherever it sees one."""

from __future__ import annotations

import pytest

from hasip.sip.poison import what_is_wrong

LONG, FITS = "h" * 254, "h" * 253


@pytest.mark.parametrize(
    "line",
    [
        *("To: sip:u@%s", "To: <sip:%s>", "To: sip:a@b@%s", "m: <sips:u:p@%s;x=1>", "X: a@b@@%s"),
        *("Via: SIP/2.0/UDP %s:1", "Via: SIP / 2.0 / x-y\t%s", "\r\nc=IN IP4 %s", "a\rc=IN IP6 %s"),
    ],
)
def test_a_host_of_254_characters_is_found(line: str) -> None:
    head = "INVITE sip:a@h SIP/2.0\r\n"

    assert what_is_wrong(f"{head}{line % LONG}\r\n".encode())
    assert not what_is_wrong(f"{head}{line % FITS}\r\n".encode())
    assert not what_is_wrong(f"{head}Subject: {LONG}@h\r\nTo: sip:{LONG}@h\r\n".encode())
