"""Connections that others make and leave open take no room from calls."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.phone import Phone
from support.process import descriptors
from support.source_build import python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

HALF = b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1\r\nContent-Length: 1000\r\n"
waiting = Together()


@pytest.mark.parametrize("build", ["default", "source"])
@waiting
def test_idle_and_half_connections_are_limited_closed_and_calls_go_on(
    tmp_path: Path, build: str
) -> None:
    python = python_of(build)
    with (
        contextlib.ExitStack() as opened,
        GatewayProcess(tmp_path, menu_file={}, LOG_LEVEL="2", python=python) as gateway,
        Phone("p") as phone,
    ):
        before = descriptors(gateway.pid)
        ends_at = time.monotonic() + 2
        made = most = 0
        while time.monotonic() < ends_at:
            with contextlib.suppress(OSError):
                address = ("127.0.0.1", 0) if made % 2 else (f"127.0.0.{2 + made % 200}", 0)
                connection = opened.enter_context(
                    socket.create_connection(gateway.address, 0.1, address)
                )
                connection.sendall(HALF if made % 3 else b"")
            made += 1
            most = max(most, descriptors(gateway.pid) - before)
        call = phone.call(gateway.uri).wait_answered()
        call.hang_up()
        print(f"{build}: {made} connections tried, {most} descriptors at most")

        assert most <= (46 if build == "default" else 230)
        assert len([line for line in gateway.lines if "bring no request are closed" in line]) == 1
        wait_until(lambda: descriptors(gateway.pid) <= before + 8, "idle ones closed", 25)
        with socket.create_connection(gateway.address, 5) as late:
            late.sendall(
                b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n"
                b"From: <sip:a@b>;tag=1\r\nTo: <sip:h@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
                b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            late.settimeout(5)
            assert late.recv(2000).startswith(b"SIP/2.0 200")
