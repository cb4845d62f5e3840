"""Messages that would end pjsip: dropped with a word in the log, and the gateway goes on."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import python_of

if TYPE_CHECKING:
    from pathlib import Path

BUILDS = pytest.mark.parametrize("build", ["wheel", "source"])
LONG = "a" * 3000


def invite(gateway: GatewayProcess, own_port: int, **parts: str) -> bytes:
    """Return an INVITE with a host in some place that no name server would know."""
    host = {"via": "127.0.0.1", "contact": "127.0.0.1", "connection": "127.0.0.1", **parts}
    sdp = (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {host['connection']}\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    sdp = parts.get("sdp", sdp)
    return (
        f"INVITE {gateway.uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host['via']}:{own_port};branch=z9hG4bK{next(iter(parts))}\r\n"
        f"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <{gateway.uri}>\r\n"
        f"Call-ID: poison-{next(iter(parts))}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:x@{host['contact']}:{own_port}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
    ).encode()


def within_the_call(request: bytes, to: bytes) -> bytes:
    """Return a request with SDP as the second one of the call that `call_by_hand` has made."""
    request = request.replace(b"poison-sdp", b"poison-via").replace(b"CSeq: 1 ", b"CSeq: 2 ")
    return re.sub(rb"To: [^\r]*", to, request)


def call_by_hand(
    gateway: GatewayProcess, peer: socket.socket, *, acknowledges: bool = True
) -> tuple[bytes, int]:
    """Call, and return the To of the answer and the caller's port."""
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(10)
    own_port = peer.getsockname()[1]
    start = invite(gateway, own_port, via="127.0.0.1")
    peer.sendto(start, gateway.address)
    while not (answer := peer.recv(4096)).startswith(b"SIP/2.0 200 "):
        assert answer.startswith(b"SIP/2.0 1")
    to = next(line for line in answer.split(b"\r\n") if line.startswith(b"To: "))
    if acknowledges:
        head = start.partition(b"Content-Type")[0].replace(b"INVITE", b"ACK")
        head = re.sub(rb"To: [^\r]*", to, head.replace(b"z9hG4bKvia", b"z9hG4bKack"))
        peer.sendto(head + b"Content-Length: 0\r\n\r\n", gateway.address)
    return to, own_port


@BUILDS
@pytest.mark.parametrize("place", ["via", "contact", "connection"])
def test_a_host_that_is_longer_than_names_can_be(tmp_path: Path, build: str, place: str) -> None:
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        Phone("p") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        stranger.bind(("127.0.0.1", 0))
        stranger.sendto(
            invite(gateway, stranger.getsockname()[1], **{place: LONG}), gateway.address
        )
        gateway.wait_log("longer than 253 characters")

        assert phone.ping(gateway.address) < 2
        phone.call(gateway.uri).wait_answered()


@BUILDS
def test_a_registrar_that_answers_with_a_star_for_a_contact(tmp_path: Path, build: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar, Phone("p") as phone:
        registrar.bind(("127.0.0.1", 0))
        registrar.settimeout(10)
        server = f"sip:127.0.0.1:{registrar.getsockname()[1]}"
        account = {"SIP1_ID_URI": server.replace("sip:", "sip:u@"), "SIP1_REGISTRAR_URI": server}
        with GatewayProcess(tmp_path, python=python_of(build), menu_file={}, **account) as gateway:
            request, source = registrar.recvfrom(4096)
            assert request.startswith(b"REGISTER")
            kept = [
                line
                for line in request.split(b"\r\n")
                if line.lower().startswith((b"via", b"from", b"to:", b"call-id", b"cseq"))
            ]
            for star in (b"Subject: x\rContact: *", b"Contact\r\n : *", b"Contact: *"):
                head = [b"SIP/2.0 200 OK", *kept, star, b"Expires: 60", b"Content-Length: 0"]
                registrar.sendto(b"\r\n".join(head) + b"\r\n\r\n", source)
            gateway.wait_log("its Contact is *")

            assert phone.ping(gateway.address) < 2


# The audio has an address, and the text that the phone does not want has none.
NO_ADDRESS = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=text 0 RTP/AVP 98\r\n"
    "m=audio 40000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:0 PCMU/8000\r\n"
)


@BUILDS
def test_an_offer_of_media_without_an_address_is_refused(tmp_path: Path, build: str) -> None:
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        Phone("p") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        peer.sendto(invite(gateway, peer.getsockname()[1], sdp=NO_ADDRESS), gateway.address)

        assert peer.recv(4096).startswith(b"SIP/2.0 488 ")
        gateway.wait_log("its SDP has media without an address")
        phone.call(gateway.uri).wait_answered()


@BUILDS
def test_a_change_of_a_call_to_media_without_an_address_is_refused(
    tmp_path: Path, build: str
) -> None:
    """The first audio is switched off, and has no address: pjsip looks for it."""
    offer = NO_ADDRESS.replace("m=text", "m=audio")
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        Phone("p") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        to, own_port = call_by_hand(gateway, peer)
        change = within_the_call(invite(gateway, own_port, sdp=offer), to)
        peer.sendto(change, gateway.address)
        while not (answer := peer.recv(4096)).startswith(b"SIP/2.0 488 "):
            assert b"\r\nCSeq: 1 INVITE\r\n" in answer  # until its ACK has come

        gateway.wait_log("Refused INVITE from 127.0.0.1: its SDP has media without an address")
        phone.call(gateway.uri).wait_answered()


@BUILDS
def test_a_long_media_type_and_a_digit_without_an_end_of_line(tmp_path: Path, build: str) -> None:
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        Phone("p") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        to, own_port = call_by_hand(gateway, peer)
        info = invite(gateway, own_port, sdp="Signal=5").replace(b"INVITE", b"INFO")
        info = info.replace(b"application/sdp", b"application/dtmf-relay")
        peer.sendto(within_the_call(info, to), gateway.address)
        for number, kind in enumerate((b"text/" + b"p" * 3_000, b"t" * 3_000 + b"/plain")):
            message = invite(gateway, own_port, sdp="Hello").replace(b"INVITE", b"MESSAGE")
            message = message.replace(b"sdp\r\nFrom", b"message%d\r\nFrom" % number)
            peer.sendto(message.replace(b"application/sdp", kind), gateway.address)

        gateway.wait_log("Dropped MESSAGE from 127.0.0.1: its Content-Type is longer")
        if build == "wheel":
            gateway.wait_log("Dropped INFO from 127.0.0.1: its Signal= has no end of line")
        phone.call(gateway.uri).wait_answered()


@BUILDS
def test_an_ack_without_a_tag_for_a_call_that_is_up(tmp_path: Path, build: str) -> None:
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        Phone("p") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        _, own_port = call_by_hand(gateway, peer, acknowledges=False)
        start = invite(gateway, own_port, via="127.0.0.1")
        ack = start.replace(b"INVITE", b"ACK").replace(b"z9hG4bKvia", b"z9hG4bKother")
        peer.sendto(ack, gateway.address)

        assert phone.ping(gateway.address) < 1
        phone.call(gateway.uri).wait_answered()


@BUILDS
def test_an_ack_whose_to_goes_on_in_the_next_line_is_none_without_a_tag(
    tmp_path: Path, build: str
) -> None:
    """RFC 3261 §7.3.1: a header may be folded."""
    with (
        GatewayProcess(tmp_path, python=python_of(build), menu_file={}) as gateway,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        to, own_port = call_by_hand(gateway, peer, acknowledges=False)
        start = invite(gateway, own_port, via="127.0.0.1").partition(b"Content-Type")[0]
        ack = start.replace(b"INVITE", b"ACK").replace(b"z9hG4bKvia", b"z9hG4bKack")
        ack = re.sub(rb"To: [^\r]*", to.replace(b";tag=", b"\r\n ;tag="), ack)
        peer.sendto(ack + b"Content-Length: 0\r\n\r\n", gateway.address)

        gateway.wait_log("CallEstablished")
