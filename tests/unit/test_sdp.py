"""What a session description says."""

from __future__ import annotations

import pytest

from hasip.sip import sdp

OFFER = """INVITE sip:a@b SIP/2.0\r
\r
v=0\r
m=audio 4000 RTP/SAVP 96 9 0 101 77\r
a=rtpmap:96 opus/48000/2\r
a=fmtp:96 useinbandfec=1\r
a=rtpmap:101 telephone-event/8000\r
"""


def test_codecs_are_named_in_the_order_of_the_offer_and_events_are_none() -> None:
    assert sdp.codecs(OFFER) == ("opus", "G722", "PCMU", "type 77")
    assert sdp.protocol(OFFER) == "RTP/SAVP"
    assert sdp.codecs("BYE sip:a@b SIP/2.0\r\n\r\n") == ()
    assert sdp.protocol("nonsense") is None


@pytest.mark.parametrize(
    ("line", "leaves_out"),
    [
        ("a=silenceSupp:on - - - -", True),
        ("a=silenceSupp:off - - - -", False),
        ("a=fmtp:96 stereo=0;usedtx=1", True),
        ("a=fmtp:96 usedtx=0", False),
        ("a=rtpmap:98 CN/16000", True),
    ],
)
def test_who_leaves_silence_out_says_so(line: str, leaves_out: bool) -> None:  # noqa: FBT001
    assert sdp.leaves_silence_out(f"{OFFER}{line}\r\n") is leaves_out
    assert sdp.leaves_silence_out(OFFER.replace(" 77", " 13")) is True
    assert sdp.leaves_silence_out(line) is False


HEAD = b"INVITE sip:a@b SIP/2.0\r\nContent-Type: application/sdp\r\n"
PARTS = HEAD.replace(b"application/sdp", b"multipart/mixed;boundary=x")
AUDIO, OFF, FOR_ONE = b"m=audio 4000 RTP/AVP 0\r\n", b"m=text 0 RTP/AVP 98\r\n", b"c=IN IP4 h\r\n"


@pytest.mark.parametrize(
    ("message", "lacks"),
    [
        (HEAD, False),
        (HEAD + b"\r\n" + FOR_ONE + AUDIO + OFF, False),
        (HEAD + b"\r\n" + AUDIO + FOR_ONE + OFF + FOR_ONE, False),
        (HEAD + b"\n\n" + FOR_ONE.rstrip() + b"\n" + AUDIO, False),
        (HEAD + b"\r\n" + AUDIO + FOR_ONE + OFF, True),
        (HEAD + b"\r\n" + OFF + AUDIO + FOR_ONE, True),
        (HEAD + b"\r\na=x\r" + OFF, True),
        (HEAD + b"\r\n" + OFF + b"a=x\r" + FOR_ONE, True),
        (HEAD + b"\r\n" + OFF + b"\0\r\n" + FOR_ONE, True),
        (HEAD + b"l: 22\r\n\r\n" + OFF + FOR_ONE, True),
        (HEAD + b"l: 33\r\n\r\n" + OFF + FOR_ONE, False),
        (HEAD + b"Content-Length : 99\r\nL:9\r\n\r\n" + OFF + FOR_ONE, True),
        (PARTS + b"\r\n--x\r\nA: b\r\n\r\n" + FOR_ONE + OFF + b"--x--\r\n", False),
        (PARTS + b"\r\n--x\r\n\r\n" + FOR_ONE + b"--x\r\n\r\n" + OFF + b"--x--\r\n", True),
        (PARTS + b"\r\n--x\r\n\r\n" + OFF + b"a=--x\r\n" + FOR_ONE, True),
    ],
)
def test_media_without_an_address_are_found_whoever_reads(message: bytes, lacks: bool) -> None:  # noqa: FBT001
    assert sdp.lacks_address(message) is lacks
