"""Names in session descriptions, where there must be addresses."""

from __future__ import annotations

import pytest

from hasip.sip.media_names import changes_for

HEAD = b"INVITE sip:a SIP/2.0\r\nSubject: c=IN IP4 x\r\n\r\nv=0\r\n"


def changed(lines: bytes) -> bytes:
    message = bytearray(HEAD + lines)
    for at, text, _ in changes_for(bytes(message)):
        message[at : at + len(text)] = text
    return bytes(message).removeprefix(HEAD)


@pytest.mark.parametrize(
    "line",
    [
        *(b"c=IN IP4 10.0.0.1", b"c=IN IP4 224.0.0.1/127", b"c=IN IP6 2001:db8::1", b"c=IN IP4 "),
        *(b"a=rtcp:4001", b"a=rtcp:4001 IN IP4 10.0.0.1", b"a=rtcp:1 IN IP6 ::1", b"a=rtcp-mux"),
        *(b"a=rtcp-fb:* nack", b"a=candidate:1 1 UDP 2130706431 10.0.0.1 4000 typ host"),
        *(b"a=candidate:H 1 UDP 1 ::1 9 typ srflx raddr a.b rport 9", b"s=c=IN IP4 x", b"a=x:a.b"),
    ],
)
def test_addresses_stay(line: bytes) -> None:
    assert changed(line + b"\r\n") == line + b"\r\n"


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        (b"c=IN IP4 media.example.org", b"c=IN IP4 0                "),
        (b"c=IN IP4 1.2.3.400/1", b"c=IN IP4 0        /1"),
        (b"a=rtcp:1 IN IP4 a.b", b"a=xtcp:1 IN IP4 a.b"),
        (b"a=rtcp 1 IN IP4 a.b", b"a=xtcp 1 IN IP4 a.b"),
        (b"a=RTCP:1IN\tIP4 a.b 1.2.3.4", b"a=xTCP:1IN\tIP4 a.b 1.2.3.4"),
        (b"a=candidate:1 1 UDP 1 a.local 9 typ host", b"a=xandidate:1 1 UDP 1 a.local 9 typ host"),
        (b"a=candidate:1  1 UDP 1 a\t1.2.3.4 9", b"a=xandidate:1  1 UDP 1 a\t1.2.3.4 9"),
        (b"a=candidate:1", b"a=xandidate:1"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_names_are_written_over(line: bytes, becomes: bytes, end: bytes) -> None:
    rest = end + b"m=audio 1 RTP/AVP 0" + end
    assert changed(b"t=0 0" + end + line + rest) == b"t=0 0" + end + becomes + rest
