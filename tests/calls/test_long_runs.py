"""A stranger's packets of nothing but blanks, which once held up all threads for seconds each."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of

if TYPE_CHECKING:
    from pathlib import Path

PACKETS = 40
# pjsip takes 4,000 or 16,000 bytes by UDP; what is longer it drops.
SIZES = {"wheel": 3_300, "source": 15_000}
ANOTHER = "127.0.0.2"


def hostile(gateway: GatewayProcess, me: str, size: int, number: int) -> tuple[bytes, ...]:
    """Return the three packets that a review found."""
    blanks, half = " " * size, " " * (size // 2)
    wholes = (
        ("OPTIONS", "<sip:a@h>", f"{half}<sip:b@x>,{half}<sip:a@{me}>"),
        ("OPTIONS", f"<sip:{'a' * size}@h>", f"<sip:a@{me}>"),
        ("INVITE", f"sip:a@h;x=1{blanks}", f"<sip:a@{me}>"),
    )
    return tuple(
        (
            f"{method} {gateway.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{kind}x{number};rport\r\n"
            f"Max-Forwards: 70\r\nContact:{contact}\r\nFrom: {caller};tag=1\r\n"
            f"To: <{gateway.uri}>\r\nCall-ID: runs-{kind}-{number}\r\nCSeq: 1 {method}\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        for kind, (method, caller, contact) in enumerate(wholes)
    )


@pytest.mark.alone
@on_builds(*BUILDS)
def test_long_runs_from_a_stranger_hold_nobody_up(tmp_path: Path, build: str) -> None:
    options = f"--accept-from {ANOTHER}"
    with (
        GatewayProcess(
            tmp_path, python=python_of(build), menu_file={}, SIP1_OPTIONS=options
        ) as gateway,
        Phone("p", host=ANOTHER) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        stranger.bind(("127.0.0.1", 0))
        me = f"127.0.0.1:{stranger.getsockname()[1]}"
        assert phone.ping(gateway.address) < 1
        is_over = threading.Event()

        def send() -> None:
            for number in range(PACKETS):
                for packet in hostile(gateway, me, SIZES[build], number):
                    stranger.sendto(packet, gateway.address)
                is_over.wait(0.01)
            is_over.set()

        sender = threading.Thread(target=send)
        sender.start()
        slowest = phone.ping(gateway.address, 30)
        while not is_over.is_set():
            slowest = max(slowest, phone.ping(gateway.address, 30))
        sender.join()

        # One such packet took 3 to 6 s by itself.
        assert max(slowest, phone.ping(gateway.address, 30)) < 1
