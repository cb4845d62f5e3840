"""Messages that would end pjsip: dropped with a word in the log, and the gateway goes on."""

from __future__ import annotations

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
    return (
        f"INVITE {gateway.uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host['via']}:{own_port};branch=z9hG4bK{next(iter(parts))}\r\n"
        f"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <{gateway.uri}>\r\n"
        f"Call-ID: poison-{next(iter(parts))}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:x@{host['contact']}:{own_port}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
    ).encode()


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
            head = [b"SIP/2.0 200 OK", *kept, b"Contact: *", b"Expires: 60", b"Content-Length: 0"]
            registrar.sendto(b"\r\n".join(head) + b"\r\n\r\n", source)
            gateway.wait_log("its Contact is *")

            assert phone.ping(gateway.address) < 2
