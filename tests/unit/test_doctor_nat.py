"""What the doctor says of STUN and TURN servers that behave oddly."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from hasip.doctor import nat
from hasip.doctor.report import Report
from hasip.secret import SecretStr
from hasip.settings.model import Account, AccountOptions, GlobalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOCATE, REFRESH = 3, 4
ALLOCATED, REFUSED = 0x0103, 0x0110
REALM, USERNAME, RELAYED, ERROR_CODE = 0x0014, 0x0006, 0x0016, 0x0009
CHALLENGE = (ERROR_CODE, b"\0\0\4\1No!!"), (REALM, b"home")
SOMEWHERE = ((RELAYED, b"\0\1\x12\x34\1\2\3\4"),)


@pytest.fixture(params=[((ERROR_CODE, b"\0\0\4\x26old "),), ()], ids=["refused", "no reason"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a TURN server that allocates, and refuses to end that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(20)

        def serve() -> None:
            while True:
                try:
                    message, source = sock.recvfrom(2048)
                except OSError:
                    return
                method = int.from_bytes(message[:2], "big")
                if method == REFRESH:
                    kind, attributes = REFUSED | REFRESH, request.param
                elif struct.pack("!HH", USERNAME, 1) in message:
                    kind, attributes = ALLOCATED, SOMEWHERE
                else:
                    kind, attributes = REFUSED | ALLOCATE, CHALLENGE
                body = b"".join(struct.pack("!HH", *(a, len(v))) + v for a, v in attributes)
                sock.sendto(struct.pack("!HH", kind, len(body)) + message[4:20] + body, source)
                if method == REFRESH:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{sock.getsockname()[1]}"
        thread.join(20)


def account_at(server: str) -> Account:
    options = AccountOptions(turn_server=server, turn_user="u", turn_password=SecretStr("p"))
    return Account(number=1, id_uri="sip:a@b", options=options)


def test_a_turn_server_that_relays_is_well_also_where_it_does_not_end_that(server: str) -> None:
    lines: list[str] = []

    nat.check_turn(Report(lines.append), account_at(server), GlobalOptions())

    assert [line.split()[0] for line in lines] == ["ok"]


def test_a_server_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    never = threading.Event()
    monkeypatch.setattr(nat, "STUN_WITHIN_S", 0.05)
    monkeypatch.setattr(nat, "TURN_WITHIN_S", 0.05)
    monkeypatch.setattr(nat, "ask_stun", lambda _: never.wait(60))
    monkeypatch.setattr(nat, "allocate", lambda *_: never.wait(60))

    nat.check_stun(Report(lines.append), GlobalOptions(stun_server="stun.example.org"))
    nat.check_turn(Report(lines.append), account_at("turn.example.org:3479"), GlobalOptions())
    never.set()

    assert "STUN server stun.example.org: nothing came back" in lines[0]
    assert "TURN server turn.example.org:3479, udp: nothing came back" in lines[1]
