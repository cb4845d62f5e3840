"""Odd messages of the kinds that RFC 4475 (torture tests) lists; `@…@` is as in `sip_text`."""

from __future__ import annotations


def _torture(start: str, *lines: str, body: str = "") -> bytes:
    return "\r\n".join([start, *lines, "", body]).encode("utf-8", "surrogateescape")


_LINES = ("Max-Forwards: 70", "CSeq: 1 INVITE", "Content-Length: 0")
_VIA = "Via: SIP/2.0/@TRANSPORT@ 127.0.0.1:@OWN@;branch=z9hG4bK@TOKEN@"
_ENDS = ("From: <sip:f@127.0.0.1>;tag=@TOKEN@", "To: <sip:house@127.0.0.1>", "Call-ID: @TOKEN@")
_INVITE = "INVITE sip:house@127.0.0.1:@PORT@ SIP/2.0"
# In words of our own, each one of the oddities of §3.1 to §3.4.
TORTURE = (
    # A short tortuous INVITE: folded lines, compact names, any case, space around colons.
    _torture(
        "INVITE sip:vivekg@127.0.0.1;unknownparam SIP/2.0",
        "TO :\r\n sip:house@127.0.0.1 ;   tag = 1x",
        'from   : "J Rosenberg \\\\\\""       <sip:f@127.0.0.1>\r\n  ;\r\n  tag = 98asjd8',
        "MaX-fOrWaRdS: 0068",
        "Call-ID: @TOKEN@",
        "cseq: 0009\r\n  INVITE",
        "Via  : SIP  /   2.0\r\n /UDP\r\n    127.0.0.1:@OWN@;branch=390skdjuw",
        "s :",
        "NewFangledHeader:   newfangled value\r\n continued",
        "v:  SIP  / 2.0  / TCP  spindle ;\r\n  branch  =   z9hG4bK9ikj8",
        'm:"Quoted string \\"\\"" <sip:j@127.0.0.1> ; newparam =\r\n newvalue ; secondparam ; q = 0.33',
        "l: 0",
    ),
    # Wide range of valid characters in a method and in parameters.
    _torture(
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@127.0.0.1 SIP/2.0",
        _VIA,
        'From: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_u;;*@127.0.0.1>;tag=_token~1\'+`*%!-.',
        "To: <sip:a@b>",
        "Call-ID: intensive.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
        "Max-Forwards: 255",
    ),
    _torture("INVITE sip:sips%3Auser%40example.com@127.0.0.1 SIP/2.0", _VIA, *_ENDS, *_LINES),
    _torture(
        "INVITE sip:house@127.0.0.1 SIP/2.0",
        _VIA,
        "From: <sip:null-%00-null@example.com>;tag=1",
        "To: sip:%00@x",
        "Call-ID: %ZE",
        *_LINES,
    ),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        "Contact: <sip:cal%6Cer@127.0.0.1:5060;%6C%72;n%61me=v%61lue%25%34%31>",
        *_LINES,
    ),
    # Long values.
    _torture(
        _INVITE,
        _VIA,
        'From: "'
        + "I have a user name of extreme proportion" * 30
        + '" <sip:'
        + "amazinglylong" * 40
        + "@127.0.0.1>;tag="
        + "1" * 500,
        "To: <sip:house@127.0.0.1>",
        "Call-ID: " + "averylongcallid" * 40,
        *_LINES,
        "X" * 600 + ": y",
        *[f"Via: SIP/2.0/UDP host{n}.example.com" for n in range(40)],
    ),
    # A transaction id that is only the magic cookie; a message over its end; no body at all.
    _torture(
        "OPTIONS sip:house@127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:@OWN@;branch=z9hG4bK",
        *_ENDS,
        "Max-Forwards: 70",
        "CSeq: 1 OPTIONS",
        "l: 0",
    ),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        *_LINES,
        body="REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 1.1.1.1\r\n\r\n",
    ),
    _torture(_INVITE, _VIA, *_ENDS, "CSeq: 1 INVITE", "Content-Length: 9999", body="v=0\r\n"),
    _torture(_INVITE, _VIA, *_ENDS, "CSeq: 1 INVITE", "Content-Length: -999", body="v=0\r\n"),
    # Numbers out of range, in requests and responses.
    _torture(
        "REGISTER sip:127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/@TRANSPORT@ 127.0.0.1:@OWN@;branch=z9hG4bK@TOKEN@;ttl=256;rport=99999",
        *_ENDS,
        "CSeq: 36893488147419103232 REGISTER",
        "Max-Forwards: 300",
        "Expires: 10000000000000000000",
        "Contact: <sip:u@127.0.0.1>;expires=280297596632815;q=-1",
        "l: 0",
    ),
    _torture(
        "SIP/2.0 200 OK",
        _VIA,
        *_ENDS,
        "CSeq: 9292394834772304023312 OPTIONS",
        "Retry-After: 949302838503028349304023988",
        'Warning: 1812 overture "In Progress"',
        "l: 0",
    ),
    _torture(
        "SIP/2.0 4294967301 better not break the receiver", _VIA, *_ENDS, "CSeq: 1 INVITE", "l: 0"
    ),
    # Start lines: quotes that do not end, spaces, brackets, other versions, other schemes.
    _torture(
        _INVITE,
        _VIA,
        'From: "Mr. J. User <sip:j@127.0.0.1>;tag=1',
        'To: "x',
        "Call-ID: @TOKEN@",
        *_LINES,
    ),
    _torture("INVITE <sip:house@127.0.0.1> SIP/2.0", _VIA, *_ENDS, *_LINES),
    _torture("INVITE sip:house@127.0.0.1; lr SIP/2.0", _VIA, *_ENDS, *_LINES),
    _torture("INVITE  sip:house@127.0.0.1  SIP/2.0  ", _VIA, *_ENDS, *_LINES),
    _torture(
        "OPTIONS sip:t@127.0.0.1 SIP/7.0",
        "Via: SIP/7.0/UDP 127.0.0.1;branch=z9hG4bK1",
        *_ENDS,
        "CSeq: 1 OPTIONS",
        "l: 0",
    ),
    _torture(
        "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
        _VIA,
        *_ENDS,
        "CSeq: 1 OPTIONS",
        "l: 0",
    ),
    _torture(
        "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", _VIA, *_ENDS, "CSeq: 1 OPTIONS", "l: 0"
    ),
    _torture(
        "INVITE sip:house@127.0.0.1:@PORT@?Route=%3Csip:x%3E&Call-ID=y SIP/2.0",
        _VIA,
        *_ENDS,
        *_LINES,
    ),
    # Names with escapes in angle brackets left away, dates of other zones, unknown schemes.
    _torture(
        _INVITE,
        _VIA,
        "From:    caller<sip:caller@example.com>;tag=323",
        "To: sip:user@127.0.0.1?Route=%3Csip:sip.example.com%3E",
        "Call-ID: @TOKEN@",
        "Date: Fri, 01 Jan 2010 16:00:00 EST",
        "Contact: <name:John_Smith>, soap.beep://x",
        *_LINES,
    ),
    _torture(
        _INVITE,
        _VIA,
        "From: Bell, Alexander <sip:a@127.0.0.1>;tag=43",
        "To: Watson, Thomas <sip:t@h>",
        "Call-ID: @TOKEN@",
        *_LINES,
    ),
    # Not in RFC 4475: what pjsip reads otherwise than it looks, and answers that go elsewhere.
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        "Contact\r\n : *",
        "Subject: x\rReplaces: a;to-tag=b;from-tag=c",
        "Max-Forwards: 70&m: *",
        "CSeq: 1 INVITE",
        "l: 0",
    ),
    _torture(
        f"{'M' * 100} sip:house@127.0.0.1 SIP/2.0",
        f"{_VIA};maddr=no-host.invalid",
        _ENDS[0],
        f"{_ENDS[1]};tag=1",
        _ENDS[2],
        f"CSeq: 1 {'M' * 100}",
        f"Subject: {('@' * 253 + ' ') * 8}",
        "l: 0",
    ),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        "Contact: <sip:u@127.0.0.1:@OWN@>",
        "CSeq: 1 INVITE",
        "Content-Type: application/sdp",
        body="v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
        "a=rtcp 1IN IP4 no-host.invalid\r\na=candidate:1 1 UDP 1 no-host.invalid 1 typ host\r\n",
    ),
    # Mandatory headers missing, or there twice; two of what may be there once.
    _torture(_INVITE, "CSeq: 1 INVITE", "l: 0"),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        *_ENDS,
        "CSeq: 5 INVITE",
        "CSeq: 59 INVITE",
        "Content-Length: 0",
        "Content-Length: 15",
        "Max-Forwards: 70",
        "Max-Forwards: 5",
    ),
    _torture("INVITE sip:house@127.0.0.1 SIP/2.0", _VIA, *_ENDS, "CSeq: 8 NEWMETHOD", "l: 0"),
    _torture("SIP/2.0 200 ", _VIA, *_ENDS, "CSeq: 1 INVITE"),
    _torture("SIP/2.0 100 \udced\udca0\udc80" + "\u0433" * 200, _VIA, *_ENDS, "CSeq: 1 INVITE"),
    # Responses that loop, broadcast Vias, unknown extensions and content.
    _torture(
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
        *_ENDS,
        "CSeq: 1 INVITE",
        "l: 0",
    ),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis",
        "Max-Forwards: 0",
        "CSeq: 1 INVITE",
        "l: 0",
    ),
    _torture(
        _INVITE,
        _VIA,
        *_ENDS,
        "Authorization: NoOneKnowsThisScheme opaque-data=here",
        'Proxy-Authorization: Digest "',
        "Content-Type: application/unknownformat",
        "Content-Encoding: gzip",
        "Accept: text/nobodyKnowsThis",
        *_LINES,
        body="<?xml?>",
    ),
    _torture(
        "REGISTER sip:127.0.0.1 SIP/2.0",
        _VIA,
        *_ENDS,
        "CSeq: 1 REGISTER",
        "Contact: *",
        "Contact: sip:u@127.0.0.1",
        "Expires: 0",
        "l: 0",
    ),
    b"\r\n\r\n\r\n\r\n",
    b"\x00" * 40,
    b"SIP/2.0",
    b"INVITE",
    b"jaK\r\n\r\n",
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"\x00" * 12,
)
