"""How a request goes out: by a connection of its own, with nothing of the one before."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from hasip import __version__
from hasip.homeassistant.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message


class Clingy(BaseHTTPRequestHandler):
    """Keeps connections open, whatever it is told, and sets a cookie."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[tuple[object, Message]]] = []  # each request's source and headers

    def do_GET(self) -> None:
        self.heard.append((self.client_address, self.headers))
        self.send_response(200 if self.path.endswith("here") else 307)
        self.send_header("Location", "/here")
        if self.command == "POST":
            self.send_header("Set-Cookie", "a=b; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Clingy.heard.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Clingy) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_no_connection_and_no_cookie_is_used_again(url: str) -> None:
    """A kept connection may break as a request is written: nobody knows then whether it arrived."""
    transport = Transport("secret", None)
    for _ in range(3):
        transport.post(f"{url}here", {"a": 1}, "test", 5)
    transport.get(f"{url}here", "test", 5)
    transport.get(f"{url}here", "test", 5, with_token=False)
    sources, headers = zip(*Clingy.heard, strict=True)

    assert len(set(sources)) == 5
    assert not any(one["Cookie"] for one in headers)
    assert {one["Connection"] for one in headers} == {"close"}
    assert {one["User-Agent"] for one in headers} == {f"ha-sip/{__version__}"}
    assert [one["Authorization"] for one in headers] == [*["Bearer secret"] * 4, None]


def test_a_redirect_is_followed_without_a_cookie_of_before(url: str) -> None:
    transport = Transport("secret", None)
    assert transport.post(url, {"a": 1}, "test", 5).status == 307
    assert transport.get(url, "test", 5).status == 200

    assert [one["Authorization"] for _, one in Clingy.heard] == ["Bearer secret"] * 3
    assert not any(one["Cookie"] for _, one in Clingy.heard)
