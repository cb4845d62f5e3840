"""Offers that are short, and mean what the long ones meant."""

from __future__ import annotations

from hasip.sip import sdp
from hasip.sip.slim import slim

LONG = [
    "v=0",
    "o=- 4004542366 4004542366 IN IP4 10.1.0.2",
    "s=pjmedia",
    "b=AS:117",
    "t=0 0",
    "m=audio 6397 RTP/AVP 96 9 8 0 3 120 121",
    "c=IN IP4 10.1.0.2",
    "b=TIAS:96000",
    "a=rtcp:5367 IN IP4 10.1.0.2",
    "a=sendrecv",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 useinbandfec=1",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:3 GSM/8000",
    "a=rtpmap:120 telephone-event/48000",
    "a=fmtp:120 0-16",
    "a=rtpmap:121 telephone-event/8000",
    "a=fmtp:121 0-16",
    "a=ssrc:873125379 cname:0a91ec9316165690",
    "a=ice-ufrag:3bf62342",
    "a=candidate:Ha010002 1 UDP 2130706431 10.1.0.2 6397 typ host",
    "a=candidate:Ha010002 2 UDP 2130706430 10.1.0.2 5367 typ host",
    "a=candidate:Scb007101 1 UDP 1694498815 203.0.113.1 1 typ srflx raddr 10.1.0.2 rport 6397",
]


def text(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def test_what_a_receiver_takes_for_granted_is_left_out() -> None:
    assert slim(text(*LONG)) == text(
        "v=0",
        "o=- 4004542366 4004542366 IN IP4 10.1.0.2",
        "s=-",
        "t=0 0",
        "m=audio 6397 RTP/AVP 96 9 8 0 3 120 121",
        "c=IN IP4 10.1.0.2",
        "a=rtcp:5367",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:120 telephone-event/48000",
        "a=rtpmap:121 telephone-event/8000",
        "a=ice-ufrag:3bf62342",
        "a=candidate:1 1 UDP 2130706431 10.1.0.2 6397 typ host",
        "a=candidate:1 2 UDP 2130706430 10.1.0.2 5367 typ host",
        "a=candidate:2 1 UDP 1694498815 203.0.113.1 1 typ srflx raddr 10.1.0.2 rport 6397",
    )
    assert sdp.codecs(slim(text(*LONG))) == sdp.codecs(text(*LONG))


def test_codecs_that_need_no_name_keep_it_where_there_is_room() -> None:
    lines = [line for line in LONG if not line.startswith("a=candidate")]
    short = slim(text(*lines))

    assert "a=rtpmap:8 PCMA/8000\r\n" in short
    assert "a=ssrc" not in short


def test_a_short_offer_is_left_as_it_is() -> None:
    lines = [line for line in LONG if line[:3] in ("v=0", "m=a", "a=s", "a=r", "c=I")]

    assert slim(text(*lines)) == text(*lines)


def test_what_says_something_stays() -> None:
    lines = [
        "v=0",
        "s=-",
        "m=audio 4000 RTP/SAVP 8 18 110 101",
        "c=IN IP4 10.1.0.2",
        "a=rtcp:4001 IN IP4 203.0.113.1",  # another address than that of the sound
        "a=sendonly",
        "a=inactive",
        "a=rtpmap:18 G729/8000",
        "a=fmtp:18 annexb=no",
        "a=rtpmap:110 PCMA/16000",  # a dynamic type, and another rate
        "a=fmtp:101 0-11",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
        "a=ptime:20",
        *(f"a=candidate:{n} 1 UDP 2130706431 10.1.0.{n} 4000 typ host" for n in range(1, 5)),
    ]

    assert slim(text(*lines)) == text(*lines)


def test_of_several_media_nothing_is_left_out() -> None:
    lines = [*LONG, "m=video 0 RTP/AVP 31"]

    assert slim(text(*lines)) == text(*lines)
