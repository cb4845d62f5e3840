"""The option strings, by what goes over the wire."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

LOCAL = "--bind-address 127.0.0.1"


def invite(
    folder: Path, general: str = "", account: str = "", build: str = "wheel"
) -> tuple[Message, list[str]]:
    """Return the INVITE of a gateway with such options, and its log."""
    with (
        GatewayProcess(
            folder,
            python=python_of(build),
            GLOBAL_OPTIONS=f"{LOCAL} {general}",
            SIP1_OPTIONS=account,
        ) as gateway,
        Phone("p") as phone,
    ):
        gateway.command({"command": "dial", "number": phone.uri})
        call = phone.wait_call()
        return call.invite_received, gateway.own_lines


def audio_formats(message: Message) -> list[str]:
    """Return the codecs of an offer, in their order."""
    media = re.search(r"^m=audio \d+ \S+ (.*)$", message.body, re.MULTILINE)
    assert media is not None
    names = dict(re.findall(r"^a=rtpmap:(\d+) ([^/\r\n]+)", message.body, re.MULTILINE))
    offered = [names[number] for number in media[1].split()]
    return [name for name in offered if name != "telephone-event"]


@on_builds(*BUILDS)
def test_codecs_are_offered_in_the_order_of_preference_and_the_rest_is_off(
    tmp_path: Path, build: str
) -> None:
    message, _ = invite(tmp_path, "--codecs PCMA,pcmu,G722", build=build)

    assert audio_formats(message) == ["PCMA", "PCMU", "G722"]


@pytest.mark.parametrize(
    ("codecs", "offered"),
    [("G729,PCMU", ["PCMU"]), ("G729", ["G722", "PCMA", "PCMU"])],
)
def test_a_codec_that_there_is_not_is_said(tmp_path: Path, codecs: str, offered: list[str]) -> None:
    message, log = invite(tmp_path, f"--codecs {codecs}")

    # What else there is depends on how pjsua2 was built.
    common = ("G722", "PCMA", "PCMU")
    assert [name for name in audio_formats(message) if name in common] == offered
    assert any("--codecs: this pjsua2 has no G729; it has " in line for line in log)


def test_rtp_ports_begin_where_they_are_told_to(tmp_path: Path) -> None:
    message, _ = invite(tmp_path, "--rtp-port 31500")

    found = re.search(r"^m=audio (\d+)", message.body, re.MULTILINE)
    assert found is not None
    assert 31500 <= int(found[1]) < 31600


def test_requests_go_by_the_proxy(tmp_path: Path) -> None:
    with (
        Phone("proxy") as proxy,
        GatewayProcess(tmp_path, SIP1_OPTIONS=f"--proxy sip:127.0.0.1:{proxy.port};lr") as gateway,
    ):
        gateway.command({"command": "dial", "number": "sip:far@provider.example"})
        message = proxy.wait_call().invite_received

    assert message.start == "INVITE sip:far@provider.example SIP/2.0"


@pytest.mark.parametrize(
    ("transport", "kind"), [("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)]
)
def test_a_transport_that_is_off_is_not_listened_on(
    tmp_path: Path, transport: str, kind: socket.SocketKind
) -> None:
    with GatewayProcess(tmp_path, GLOBAL_OPTIONS=f"{LOCAL} --{transport} off") as gateway:
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(gateway.address)
        other = socket.SOCK_STREAM if transport == "udp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, other) as taken, pytest.raises(OSError, match="in use"):
            taken.bind(gateway.address)


@pytest.mark.parametrize(
    ("word", "profile", "has_key"),
    [
        ("disabled", "RTP/AVP", False),
        ("optional", "RTP/AVP", True),
        ("mandatory", "RTP/SAVP", True),
    ],
)
def test_srtp_is_offered_as_it_is_set(
    tmp_path: Path,
    word: str,
    profile: str,
    has_key: bool,  # noqa: FBT001
) -> None:
    message, _ = invite(tmp_path, account=f"--srtp {word}")

    assert re.search(rf"^m=audio \d+ {profile} ", message.body, re.MULTILINE)
    assert ("a=crypto:" in message.body) is has_key
