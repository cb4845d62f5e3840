"""What STUN and TURN servers are asked, and what becomes of bad ones."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from hasip.doctor.turn_client import allocate
from hasip.errors import SipError
from hasip.sip.nat_servers import ask_stun, ask_turn
from hasip.sip.stun import Server, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


def name_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"


def start(serve: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def success(request: bytes) -> bytes:
    return b"\1" + request[1:2] + b"\0\0" + request[4:20]


def test_a_request_that_is_lost_is_sent_again(udp: socket.socket) -> None:
    def serve() -> None:
        lost, _ = udp.recvfrom(2048)
        request, sender = udp.recvfrom(2048)
        assert request == lost
        udp.sendto(success(request), sender)

    serving = start(serve)
    assert ask_stun(name_of(udp)) == name_of(udp)
    serving.join()


@pytest.mark.parametrize(
    ("garble", "says"),
    [
        (lambda request: success(request[:8] + bytes(12)), "no answer"),  # to another request
        (lambda request: b"\1\x11" + success(request)[2:], "no answer"),  # an error
        (lambda _: b"", "no answer"),
    ],
)
def test_what_is_no_answer_of_a_stun_server(
    udp: socket.socket, garble: Callable[[bytes], bytes], says: str
) -> None:
    def serve() -> None:
        request, sender = udp.recvfrom(2048)
        udp.sendto(garble(request), sender)

    serving = start(serve)
    with pytest.raises(SipError, match=f"^STUN server {name_of(udp)}: {says}$"):
        ask_stun(name_of(udp))
    serving.join()


def test_an_answer_without_a_relayed_address_is_an_error_that_names_the_server(
    udp: socket.socket,
) -> None:
    def serve() -> None:
        for _ in ("allocate", "refresh"):
            request, sender = udp.recvfrom(2048)
            udp.sendto(success(request), sender)

    serving = start(serve)
    with pytest.raises(SipError, match=f"^TURN server {name_of(udp)}, udp: "):
        allocate(Server(name_of(udp)), ("user", "secret"))
    serving.join()


def test_a_ca_file_that_is_gone_leaves_no_connection_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        server = Server(name_of(listening), "tls", tmp_path / "gone.pem")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with pytest.raises(SipError, match=r"tls: No such file or directory$"):
                ask_turn(server)
            gc.collect()
        with listening.accept()[0] as connection:
            connection.settimeout(10)
            assert connection.recv(1) == b""
    assert not [str(one.message) for one in warned]


def test_a_port_that_is_no_number_is_an_error_that_names_the_server() -> None:
    with pytest.raises(SipError, match=r"^TURN server t:door, tcp: "):
        ask_turn(Server("t:door", "tcp"))


def test_a_certificate_that_is_not_trusted_is_told_as_such() -> None:
    failed = ssl.SSLCertVerificationError(1, "certificate verify failed")
    failed.verify_message = "self-signed certificate"
    with (
        pytest.raises(SipError, match=r"^t: its certificate is not trusted: self-signed certif"),
        told("t"),
    ):
        raise failed
