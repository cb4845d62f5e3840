"""What the log says of calls that found no codec in common."""

from __future__ import annotations

from hasip.sip.refusals import refused_by_peer, refused_by_us

OFFER = "v=0\r\nm=audio 4000 RTP/AVP 8 0\r\n"


def test_both_sides_codecs_are_named_and_how_they_are_carried() -> None:
    answer = 'SIP/2.0 488 Not Here\r\nWarning: 305 pbx "codec"\r\n\r\nm=audio 1 RTP/SAVP 9\r\n'

    assert refused_by_peer(488, OFFER, answer) == (
        "refused with 488: we offered PCMA, PCMU by RTP/AVP; "
        'the other side has G722 by RTP/SAVP (Warning: 305 pbx "codec")'
    )
    assert refused_by_peer(606, OFFER, "").endswith("PCMU by RTP/AVP; it does not say what it has")


def test_a_call_that_pjsip_refuses_says_why() -> None:
    assert refused_by_us("sip:a@b", 488, OFFER, ["opus", "G722"]) == (
        "Refused a call from sip:a@b with 488: it offers PCMA, PCMU by RTP/AVP; "
        "we have opus, G722 (--codecs, --srtp)"
    )
    assert "it offers no audio; we have" in refused_by_us("sip:a@b", 488, "", ["G722"])
    assert "its SDP is broken" in refused_by_us("sip:a@b", 400, OFFER, ["G722"])
    assert "as many calls are up" in refused_by_us("sip:a@b", 486, OFFER, ["G722"])
