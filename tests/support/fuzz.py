"""Broken input of every kind, from a generator with a seed: the same seed breaks the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fuzz import mutation

if TYPE_CHECKING:
    import random

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)
METHODS = ("INVITE", "BYE", "INFO", "REFER", "NOTIFY", "OPTIONS", "CANCEL", "ACK", "UPDATE", "X")
COMMANDS = ("dial", "hangup", "answer", "transfer", "play_message", "send_dtmf", "state", "fly")


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to six changes; what a seed breaks stays what it was."""
    return mutation.mutated(rng, data, mutation.FEW_ODD, moves_lines=False)


def sip_message(rng: random.Random, port: int, own_port: int) -> bytes:
    """Return a request or a response, most of them broken in the head or in the SDP."""
    method, token = rng.choice(METHODS), rng.randbytes(6).hex()
    start = f"{method} sip:house@127.0.0.1:{port} SIP/2.0"
    if rng.random() < 0.15:
        start = f"SIP/2.0 {rng.choice((100, 180, 200, 302, 401, 407, 486, 699))} Reason"
    more = {
        "REFER": "Refer-To: <sip:x@127.0.0.1:9>\r\n",
        "NOTIFY": "Event: refer\r\nSubscription-State: active\r\n",
    }.get(method, "")
    body = SDP if method in ("INVITE", "UPDATE") else "Signal=5\r\nDuration=100\r\n"
    data = body.encode()
    if rng.random() < 0.4:
        data = mutated(rng, data)
    kind = "application/sdp" if body is SDP else "application/dtmf-relay"
    head = (
        f"{start}\r\nVia: SIP/2.0/UDP 127.0.0.1:{own_port};branch=z9hG4bK{token};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:f@127.0.0.1:{own_port}>;tag={token}\r\n"
        f"To: <sip:house@127.0.0.1:{port}>\r\nCall-ID: {token}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:f@127.0.0.1:{own_port}>\r\n{more}"
        f"Content-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    ).encode()
    message = head + data
    return mutated(rng, message) if rng.random() < 0.7 else message


def rtp_payload(rng: random.Random) -> bytes:
    """Return what a packet may hold: nothing, too much, a telephone-event with odd fields."""
    return rng.randbytes(rng.choice((0, 1, 3, 4, 5, 160, 1400)))


def command_line(rng: random.Random) -> bytes:
    """Return a line for standard input that nearly is a command."""
    odd: tuple[object, ...] = (
        None, True, -1, 1e308, "", "x" * 5000, [], [[]], {}, {"menu": {}}, "\u0000", "sip:@:99999",
    )  # fmt: skip
    fields = ("number", "menu", "message", "digits", "sip_account", "ring_timeout", "transfer_to")
    command: dict[str, object] = {"command": rng.choice(COMMANDS)}
    for name in rng.sample(fields, rng.randint(0, 4)):
        command[name] = rng.choice(odd)
    data = json.dumps(command).encode()
    return (mutated(rng, data) if rng.random() < 0.5 else data) + b"\n"
