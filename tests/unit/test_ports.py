"""Ports that are given to servers are nobody's; to find that out disturbs nobody."""

from __future__ import annotations

import socket

import pytest

from support import ports


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_somebody_has_is_not_given(
    monkeypatch: pytest.MonkeyPatch, host: str, kind: socket.SocketKind
) -> None:
    with socket.socket(ports.family_of(host), kind) as sock:
        sock.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        taken = sock.getsockname()[1]
        other = ports.free_port()
        ports._given.discard(other)
        monkeypatch.setattr(ports, "_ours", [taken] * 99 + [other])

        assert ports.free_port() == other
