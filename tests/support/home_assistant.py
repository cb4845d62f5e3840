"""A stand-in for Home Assistant's REST API, with a speech engine (espeak-ng) and bad manners."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from support.bad_manners import Manner, misbehave
from support.ports import free_port
from support.stand_in_websocket import StandInWebsocket
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "stand-in-token"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    at: float  # monotonic
    path: str  # without /api/
    body: Any = field(default=None)
    is_failed: bool = False  # by the status that is set


class StandInHomeAssistant:
    """Records every request; misbehaves as its attributes say."""

    def __init__(
        self, port: int | None = None, certificate: Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        """Listen on a port, by TLS with a certificate (its key in the same file).

        Another one may come back to the port.
        """
        self.requests: list[Request] = []
        self.delay_s = 0.0  # before every answer
        self.goes_on = threading.Event()  # cleared: it hangs, with every request it has taken
        self.goes_on.set()
        self.delays_s: dict[str, float] = {}  # beginning of a path -> delay before its answers
        self.statuses: dict[str, int] = {}  # beginning of a path -> status to answer with
        self.manners: dict[str, Manner] = {}  # beginning of a path -> how its answers are spoilt
        self.state = "RUNNING"  # or STARTING, STOPPING, …
        self.token = TOKEN  # the one that is accepted
        self.is_admins_token = True  # else it may neither show states nor render templates
        self.questions = 0  # whether it runs; not among the requests
        self.refusals: list[str] = []  # paths that were answered with 401
        self.texts: dict[str, str] = {}  # name of an audio file -> the text it says
        self.url_is_reachable = True  # what tts_get_url says of its own address
        self.path_is_right = True  # the same of the path of the audio
        self.rendered = "2"  # what {{ 1 + 1 }} is
        self.audio_format = "wav"
        self.websocket = StandInWebsocket(lambda token: token == self.token)
        self._folder = TemporaryDirectory(prefix="stand-in-ha-")
        self._server = _Server((host, port or free_port()), _Handler)
        self._server.house = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        scheme = "http" if certificate is None else "https"
        self.base_url = f"{scheme}://{host}:{self.port}/api"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="stand-in-ha", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.go_away()
        self._folder.cleanup()

    def go_away(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self.websocket.close()

    def die(self) -> None:
        """Close the port and every connection, as the end of a process does."""
        self.go_away()
        self._server.cut()
        self._folder.cleanup()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the bodies of all webhooks, in their order."""
        return [item.body for item in self.requests if item.path.startswith("webhook/")]

    @property
    def event_names(self) -> list[str]:
        """Return the names of all events, in their order."""
        return [event["event"] for event in self.events]

    @property
    def services(self) -> list[tuple[str, Any]]:
        """Return the service calls, as `domain/service` and body."""
        return [
            (item.path.removeprefix("services/"), item.body)
            for item in self.requests
            if item.path.startswith("services/")
        ]

    def states_of(self, entity_id: str) -> list[dict[str, Any]]:
        """Return what a sensor has shown, in its order."""
        return [item.body for item in self.requests if item.path == f"states/{entity_id}"]

    def states_taken(self, entity_id: str) -> list[dict[str, Any]]:
        """Return the same without what was answered with a failure."""
        path = f"states/{entity_id}"
        return [item.body for item in self.requests if item.path == path and not item.is_failed]

    def wait_event(self, name: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for an event; returns the first of that name."""
        self.wait(lambda: name in self.event_names, f"event {name}", timeout_s)
        return next(event for event in self.events if event["event"] == name)

    def wait_service(self, name: str, timeout_s: float = PATIENCE_S) -> Any:
        """Wait for a service call; returns the body of the first."""
        self.wait(lambda: any(name == called for called, _ in self.services), name, timeout_s)
        return next(body for called, body in self.services if called == name)

    def wait(self, holds: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait for a condition; the error shows what came in."""
        try:
            wait_until(holds, what, timeout_s)
        except AssertionError as error:
            came = "\n".join(f"{item.path} {item.body}" for item in self.requests)
            msg = f"{error}; Home Assistant got:\n{came}"
            raise AssertionError(msg) from None

    def speak(self, text: str) -> Path:
        """Return a WAV file in which the text is spoken, as the gateway would get it."""
        name = hashlib.sha256(text.encode()).hexdigest()[:16] + ".wav"
        path = Path(self._folder.name) / name
        if not path.exists():
            part = path.with_suffix(f".{threading.get_ident()}")
            subprocess.run(["espeak-ng", "-w", str(part), text], check=True, timeout=20)
            part.replace(path)
        self.texts[name] = text
        return path

    def audio(self, name: str) -> bytes:
        """Return the audio of a file that `tts_get_url` promised, in the format that is set."""
        path = self.speak(self.texts[name])
        if self.audio_format != "wav":
            converted = path.with_suffix("." + self.audio_format)
            command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), str(converted)]
            subprocess.run(command, check=True, timeout=20, stdin=subprocess.DEVNULL)
            path = converted
        return path.read_bytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    house: StandInHomeAssistant

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Cut all connections."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(data) if data else None)

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        house = self.server.house
        # The Supervisor's address of Home Assistant has /core before it.
        path = self.path.removeprefix("/core").removeprefix("/api/")
        status = next(
            (code for start, code in list(house.statuses.items()) if path.startswith(start)), 0
        )
        if path == "config":
            house.questions += 1
        elif path:
            house.requests.append(Request(time.monotonic(), path, body, bool(status)))
        house.goes_on.wait()
        delay_s = next((d for start, d in house.delays_s.items() if path.startswith(start)), 0.0)
        time.sleep(max(delay_s, house.delay_s))
        manner = next((how for start, how in house.manners.items() if path.startswith(start)), None)
        if manner is not None:
            misbehave(self, manner)
        elif status:
            self._send(status, b"switched to fail", "text/plain")
        elif not self._is_allowed(path):
            house.refusals.append(path)
            self._send(401, b"401: Unauthorized", "text/plain")
        else:
            self._serve(path, body)

    def _is_allowed(self, path: str) -> bool:
        house = self.server.house
        if path.startswith(("webhook/", "tts_proxy/")):
            return True
        if self.headers.get("Authorization") != f"Bearer {house.token}":
            return False
        return house.is_admins_token or not path.startswith(("states/", "template"))

    def _serve(self, path: str, body: Any) -> None:
        house = self.server.house
        if path == "config":
            self._send(200, json.dumps({"state": house.state}).encode())
        elif path == "tts_get_url":
            house.speak(body["message"])
            name = next(n for n, text in house.texts.items() if text == body["message"])
            host = f"127.0.0.1:{house.port}" if house.url_is_reachable else "127.0.0.1:1"
            path = "tts_proxy" if house.path_is_right else "nowhere"
            found = {"url": f"http://{host}/api/tts_proxy/{name}", "path": f"/api/{path}/{name}"}
            self._send(200, json.dumps(found).encode())
        elif path.startswith("tts_proxy/"):
            self._send(200, house.audio(path.removeprefix("tts_proxy/")), "audio/x-wav")
        elif path == "template":
            rendered = body["template"].replace("{{ 1 + 1 }}", house.rendered)
            self._send(200, rendered.encode(), "text/plain")
        elif path.startswith("nowhere/"):
            self._send(404, b"404: Not Found", "text/plain")
        else:
            self._send(200, b"[]" if path.startswith("services/") else b"")

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
