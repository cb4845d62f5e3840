"""A Home Assistant, or whatever else is at its address, that answers rubbish."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socketserver
import threading
import time
import wave
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fuzz.mutation import mutated, perhaps
from fuzz.surface import Pieces, Surface
from support.phone import Phone, PhoneCall

if TYPE_CHECKING:
    import random

    from support.gateway import GatewayProcess

_ENDLESS = b"@ENDLESS@"
_ENDLESS_BYTES = 80 * 1024 * 1024
_PATIENCE_S = 1.0
_KINDS = ("services", "webhook", "template", "tts_get_url", "tts_proxy", "config")
_BODIES: tuple[Any, ...] = (
    {"url": "http://127.0.0.1:@PORT@/api/tts_proxy/a.wav", "path": "/api/tts_proxy/a.wav"},
    {"url": "http://[::1", "path": "//evil/../../x"}, {"url": 7, "path": ["x"]}, {"path": ""},
    {"url": "file:///etc/passwd", "path": "/api/tts_proxy/" + "a" * 9000}, [], None, "x", 1e308,
    {"url": "http://127.0.0.1:1/\r\nX: y", "path": "?a#b"}, {"state": "RUNNING"}, {"message": None},
    [{"entity_id": "x"}] * 50, {"url": "ftp://u:p@h:99999/", "path": "\ud800"},
)  # fmt: skip


def _wav() -> bytes:
    with BytesIO() as data:
        with wave.open(data, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(1600))
        return data.getvalue()


_SOUNDS = (
    _wav(), b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff\xfb\x90\x00" * 300, b"OggS" + bytes(200),
    b"fLaC\x00\x00\x00\x22" + bytes(60), b"#EXTM3U\nfile:///etc/passwd\n", b"RIFF\xff\xff\xff\xffWAVE",
    b"", b"<!DOCTYPE html>", b"ffconcat version 1.0\nfile /etc/passwd\n",
)  # fmt: skip


def http_answer(rng: random.Random, body: bytes) -> bytes:
    """Return an answer by HTTP with that body, broken somehow."""
    status = rng.choice((b"200 OK",) * 8 + (
        b"100 Continue", b"204 No", b"301 Moved", b"302 Found", b"400 Bad", b"404 No", b"500 Bad",
        b"503 Busy", b"999 x", b"-1 x", b"",
    ))  # fmt: skip
    head = b"HTTP/1.1 " + status + b"\r\n"
    kind = (b"application/json", b"text/html; charset=\xff", b"audio/x-wav", b"audio/mpeg", b"/")
    head += b"Content-Type: " + rng.choice(kind) + b"\r\n"
    if b"30" in status[:2]:
        places = (b"/api/config", b"http://127.0.0.1:@PORT@/api/x", b"https://[", b"file:///x", b"")
        head += b"Location: " + rng.choice(places) + b"\r\n"
    match rng.randrange(7):
        case 0:
            lengths = (b"-1", b"99999999999999999999", b"0", b"x", b"1, 2")
            head += b"Content-Length: " + rng.choice(lengths) + b"\r\n"
        case 1:
            sizes = (b"%x" % len(body), b"ffffffffffffffff", b"-1", b"zz", b"")
            body = rng.choice(sizes) + b"\r\n" + body + b"\r\n0\r\n\r\n"
            head += b"Transfer-Encoding: chunked\r\n"
        case 2:
            bomb = rng.random() < 0.3
            body = gzip.compress(bytes(40_000_000) if bomb else body, 6)
            head += b"Content-Encoding: " + rng.choice((b"gzip", b"deflate", b"br")) + b"\r\n"
        case 3 if rng.random() < 0.04:
            body += _ENDLESS
        case _:
            head += b"Content-Length: %d\r\n" % len(body)
    answer = perhaps(rng, head + b"\r\n", 0.2) + body
    return mutated(rng, answer) if rng.random() < 0.1 else answer


class House(Surface):
    """Answers to the gateway's requests by HTTP."""

    name = "house"
    _call: PhoneCall | None = None

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self._server = _Server()
        stack.callback(self._server.end)
        self._phone = stack.enter_context(Phone("guest"))
        self._numbers = itertools.count()
        return {
            "HA_BASE_URL": f"http://127.0.0.1:{self._server.port}/api",
            "HA_WEBSOCKET_URL": f"ws://127.0.0.1:{self._server.port}/api/websocket",
            "HA_TOKEN": "t",
            "HA_WEBHOOK_ID": "w",
            "TTS_ENGINE_ID": "tts.x",
        }

    def make(self, rng: random.Random) -> Pieces:
        kind = rng.choice(_KINDS[:5])
        if kind == "tts_proxy":
            body = perhaps(rng, rng.choice(_SOUNDS), 0.6)
        else:
            body = perhaps(rng, json.dumps(rng.choice(_BODIES)).encode(), 0.4)
        return kind.encode(), http_answer(rng, body)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        kind = pieces[0].decode()
        number = f"{next(self._numbers)}"
        self._server.answers[kind] = pieces[1]
        if self._call is None or self._call.is_ended.is_set():
            self._call = self._phone.call(gateway.uri)
            with contextlib.suppress(AssertionError):
                self._call.wait_answered(2)
        if kind == "services":
            gateway.command({"command": "call_service", "domain": "d", "service": number})
        elif kind == "webhook":
            gateway.command({"command": "hangup", "number": number})
            gateway.command({"command": "stop_playback", "number": self._phone.uri})
        else:
            command = {"command": "play_message", "number": self._phone.uri, "message": number}
            gateway.command(command | {"handle_as_template": kind == "template"})
        ends_at = time.monotonic() + _PATIENCE_S
        while kind in self._server.answers and time.monotonic() < ends_at:
            time.sleep(0.002)
        self._server.answers.clear()

    def rest(self, gateway: GatewayProcess) -> None:  # noqa: ARG002
        if self._call is not None and not self._call.is_ended.is_set():
            self._call.hang_up()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, bytes] = {}  # kind of request -> its next answer, raw
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.05,), name="fuzz-house", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Go."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 10

    def handle(self) -> None:
        start = self.rfile.readline().decode("latin-1")
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        kind = next((kind for kind in _KINDS if f"/{kind}" in start), "")
        answer = self.server.answers.pop(kind, None) or _usual(kind)
        answer = answer.replace(b"@PORT@", str(self.server.port).encode())
        before, is_endless, _ = answer.partition(_ENDLESS)
        self.wfile.write(before)
        if is_endless:
            for _ in range(_ENDLESS_BYTES // 65_536):
                self.wfile.write(bytes(65_536))


def _usual(kind: str) -> bytes:
    body: bytes = {
        "tts_get_url": json.dumps(_BODIES[0]).encode(),
        "tts_proxy": _SOUNDS[0],
        "template": b"hello",
        "config": b'{"state": "RUNNING"}',
    }.get(kind, b"[]")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
