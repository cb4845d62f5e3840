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
