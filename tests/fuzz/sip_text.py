"""SIP and SDP to break: what phones, registrars and callees send.

`@…@` stands for what is known when it is sent; an input may break that, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.mutation import mutated, perhaps, spliced
from fuzz.torture import TORTURE

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)
SDPS = (
    SDP,
    SDP.replace(b"RTP/AVP", b"RTP/SAVP")
    + b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    + b"A" * 40
    + b"\r\na=crypto:2 AES_CM_256_HMAC_SHA1_32 inline:QQ==|2^31|1:4\r\n",
    SDP + b"a=ice-ufrag:aaaa\r\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbb\r\n"
    b"a=candidate:1 1 UDP 2130706431 127.0.0.1 40000 typ host\r\n"
    b"a=candidate:1 2 UDP 2130706430 127.0.0.1 40001 typ host\r\n"
    b"a=candidate:2 1 UDP 1 127.0.0.1 9 typ srflx raddr 0.0.0.0 rport 0\r\n"
    b"a=remote-candidates:1 127.0.0.1 40000 2 127.0.0.1 40001\r\n",
    SDP + b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=text 0 RTP/AVP 98\r\n"
    b"a=rtpmap:98 t140/1000\r\nm=image 40004 udptl t38\r\n",
    SDP.replace(b"RTP/AVP 0 101", b"RTP/AVP 0 3 8 9 18 96 97 98 99 100 101")
    + b"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;maxplaybackrate=-1\r\n"
    b'a=rtpmap:97 speex/8000\r\na=fmtp:97 mode="99"\r\na=rtpmap:98 iLBC/8000\r\n'
    b"a=fmtp:98 mode=0\r\na=ptime:0\r\na=maxptime:99999\r\na=rtcp:1 IN IP4 999.1.1.1\r\n"
    b"a=rtcp-mux\r\na=rtcp-fb:* nack\r\na=ssrc:4294967295 cname:x\r\n",
    SDP.replace(b"a=sendrecv", b"a=inactive").replace(b"127.0.0.1\r\nt=", b"0.0.0.0\r\nt="),
    SDP.replace(b"m=audio 40000", b"m=audio 0"),
)  # fmt: skip
_HEAD = (
    b"Via: SIP/2.0/@TRANSPORT@ 127.0.0.1:@OWN@;branch=z9hG4bK@TOKEN@;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:f@127.0.0.1:@OWN@>;tag=@TOKEN@\r\nTo: <sip:house@127.0.0.1:@PORT@>\r\n"
    b"Call-ID: @TOKEN@\r\n"
)
_CONTACT = b"Contact: <sip:f@127.0.0.1:@OWN@;transport=@TRANSPORT@>\r\n"
# Of the call that `fresh_invite` began.
CANCEL = (
    b"CANCEL sip:house@127.0.0.1:@PORT@ SIP/2.0\r\n"
    + _HEAD
    + b"CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
)
METHODS = (
    b"INVITE", b"BYE", b"INFO", b"REFER", b"NOTIFY", b"OPTIONS", b"CANCEL", b"ACK", b"UPDATE",
    b"PRACK", b"MESSAGE", b"SUBSCRIBE", b"PUBLISH", b"REGISTER", b"X",
)  # fmt: skip
MORE = {
    b"REFER": (
        b"Refer-To: <sip:x@127.0.0.1:9>\r\nReferred-By: <sip:f@127.0.0.1>\r\n",
        b"Refer-To: <sip:x@127.0.0.1:9?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n",
        b"Refer-To: <tel:+49>\r\nRefer-Sub: false\r\n",
    ),
    b"NOTIFY": (
        b"Event: refer\r\nSubscription-State: active\r\n",
        b"Event: message-summary\r\nSubscription-State: terminated;reason=x\r\n",
    ),
    b"SUBSCRIBE": (b"Event: refer\r\nExpires: -1\r\n", b"Event: presence\r\n"),
    b"PRACK": (b"RAck: 1 1 INVITE\r\n", b"RAck: 4294967296 -1 X\r\n"),
    b"INVITE": (
        b"Supported: 100rel, timer, replaces\r\nSession-Expires: 90;refresher=uac\r\nMin-SE: 1\r\n",
        b"Require: 100rel\r\n",
        b"Replaces: x;to-tag=1;from-tag=2\r\n",
        b"Supported: timer\r\nSession-Expires: 0\r\n",
    ),
    b"UPDATE": (b"Session-Expires: 4294967295\r\n",),
}
BODIES = (
    (b"application/dtmf-relay", b"Signal=5\r\nDuration=100\r\n"),
    (b"application/dtmf", b"#"),
    (b"application/media_control+xml", b"<media_control><vc_primitive/></media_control>"),
    (b"message/sipfrag;version=2.0", b"SIP/2.0 200 OK\r\n"),
    (
        b"multipart/mixed;boundary=b",
        b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--b\r\n\r\nx\r\n--b--\r\n",
    ),
    (b"multipart/mixed", b"--\r\n--\r\n"),
)


def message(rng: random.Random) -> bytes:
    """Return a request or a response, most of them broken in the head or in the body."""
    if rng.random() < 0.2:
        return perhaps(rng, spliced(rng, TORTURE), 0.6)
    method = rng.choice(METHODS)
    start = method + b" sip:house@127.0.0.1:@PORT@ SIP/2.0\r\n"
    if rng.random() < 0.15:
        start = b"SIP/2.0 %d Reason\r\n" % rng.choice((100, 180, 200, 302, 401, 407, 486, 699))
    head = start + _HEAD + b"CSeq: 1 " + method + b"\r\n" + _CONTACT
    return perhaps(rng, whole(rng, head, method), 0.7)


def whole(rng: random.Random, head: bytes, method: bytes) -> bytes:
    """Return a head with more headers and a body."""
    head += rng.choice(MORE.get(method, (b"",)))
    if method in (b"INVITE", b"UPDATE") and rng.random() < 0.9:
        kind, body = b"application/sdp", perhaps(rng, rng.choice(SDPS), 0.4)
    else:
        kind, body = rng.choice(BODIES)
        body = perhaps(rng, body, 0.4)
    length = b"Content-Length: %d\r\n" % len(body)
    return head + b"Content-Type: " + kind + b"\r\n" + length + b"\r\n" + body


def in_dialog(rng: random.Random) -> bytes:
    """Return a request of a call that is up: its tags and its CSeq may be wrong."""
    method = rng.choice(METHODS)
    tags = (b"@LOCAL@", b"@REMOTE@")
    if rng.random() < 0.15:
        tags = rng.choice(((b"@REMOTE@", b"@LOCAL@"), (b"<sip:a@b>", b"@REMOTE@"), (tags[0], b"")))
    cseq = rng.choice((b"@CSEQ@",) * 6 + (b"0", b"1", b"4294967295", b"-1", b"x"))
    head = (
        method + b" @TARGET@ SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:@OWN@;branch=z9hG4bK@TOKEN@\r\n"
        b"Max-Forwards: 70\r\nFrom: " + tags[0] + b"\r\nTo: " + tags[1] + b"\r\nCall-ID: @CALL@\r\n"
        b"CSeq: " + cseq + b" " + method + b"\r\n" + _CONTACT
    )
    return perhaps(rng, whole(rng, head, method), 0.5)


def fresh_invite(sdp: bytes) -> bytes:
    """Return a good INVITE with that body."""
    head = b"INVITE sip:house@127.0.0.1:@PORT@ SIP/2.0\r\n" + _HEAD + b"CSeq: 1 INVITE\r\n"
    kind = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(sdp)
    return head + _CONTACT + kind + sdp


_KEPT = b"@VIAS@From: @FROM@\r\nTo: @TO@;tag=@TOKEN@\r\nCall-ID: @CALL@\r\nCSeq: @CSEQ@\r\n"
_CODES = (
    100, 180, 181, 183, 199, 200, 202, 299, 300, 301, 302, 305, 380, 400, 401, 403, 404, 407, 408,
    410, 415, 420, 421, 422, 423, 480, 481, 482, 486, 487, 488, 491, 494, 500, 503, 600, 603, 699,
    0, 99, 700, 1000,
)  # fmt: skip
_OF_ANSWERS = (
    b"Contact: <sip:c@127.0.0.1:@OWN@>\r\n",
    b"Contact: *\r\n",
    b"Contact: <sip:127.0.0.1:@OWN@>;q=9,<tel:1>,<http://x>,<sip:@@@>,<sip:[::1>\r\n",
    b"Contact: <sip:x@127.0.0.1:@OWN@?Replaces=1&Route=%3Csip:y%3E>;expires=99999999999\r\n",
    b"Contact: <sip:" + b"a" * 900 + b"@127.0.0.1:@OWN@>;q=0.1\r\n",
    b'Contact: "\\"<sip:c@h>" <sips:c@127.0.0.1:99999;transport=sctp;lr;maddr=1.2.3.4>\r\n',
    b'WWW-Authenticate: Digest realm="*", nonce="n", qop="auth,auth-int", algorithm=MD5\r\n',
    b'WWW-Authenticate: Digest realm="", nonce="", stale=TRUE, algorithm=SHA-256-sess\r\n',
    b'Proxy-Authenticate: Digest realm="' + b"r" * 2000 + b'", nonce="' + b"n" * 2000 + b'"\r\n',
    b"WWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Digest\r\n",
    b'WWW-Authenticate: Digest realm="a", nonce="b", algorithm=AKAv1-MD5, opaque="\\\r\n',
    b"Expires: 1\r\n", b"Expires: 4294967296\r\nMin-Expires: 4294967295\r\n",
    b"Min-Expires: 0\r\n", b"Min-SE: 4294967295\r\n", b"Session-Expires: 1;refresher=uas\r\n",
    b"Require: 100rel\r\nRSeq: 1\r\n", b"Require: 100rel\r\nRSeq: 4294967295\r\n",
    b"Retry-After: -1\r\n", b"Record-Route: <sip:127.0.0.1:@OWN@;lr>,<sip:x>\r\n",
    b"Service-Route: <sip:127.0.0.1:@OWN@>\r\n", b"P-Associated-URI: <\r\n", b"Supported: outbound\r\n",
    b'Unsupported: x\r\nWarning: 399 x "y\r\n', b"Reason: Q.850;cause=999\r\n", b"",
)  # fmt: skip


def answer(rng: random.Random, favourites: tuple[int, ...]) -> bytes:
    """Return a response to a request of the gateway's."""
    code = rng.choice(favourites) if rng.random() < 0.7 else rng.choice(_CODES)
    head = b"SIP/2.0 %d Why\r\n" % code + _KEPT
    for _ in range(rng.randint(0, 4)):
        line = rng.choice(_OF_ANSWERS)
        head += perhaps(rng, line, 0.3)
    head += rng.choice((b"Contact: <sip:c@127.0.0.1:@OWN@>\r\n", b""))
    if rng.random() < 0.7:
        body = perhaps(rng, rng.choice(SDPS), 0.4)
        kind = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(body)
        data = head + kind + body
    else:
        data = head + b"Content-Length: 0\r\n\r\n"
    return mutated(rng, data) if rng.random() < 0.35 else data


def filled(data: bytes, values: Mapping[str, str | int]) -> bytes:
    """Put in what is known now."""
    for name, value in values.items():
        data = data.replace(b"@%s@" % name.encode(), str(value).encode())
    return data
