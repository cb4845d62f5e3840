"""A stand-in for Home Assistant's Supervisor, between a real Home Assistant and the gateway.

To the gateway it is `http://supervisor`: it takes the token of an app (formerly add-on) and passes
requests and websockets on to Home Assistant with its own. To Home Assistant it says just enough for
the integration `hassio` to be set up, and what the actions `addon_stdin` and `app_stdin` send goes
to the gateway's stdin, byte for byte, with a line's end.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from support.require import MissingError

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

    from support.gateway import GatewayProcess
    from support.real_home_assistant import RealHomeAssistant

APP = "c7744bff_ha-sip"
APP_TOKEN = "token-of-the-app"
HOME_ASSISTANT_TOKEN = "token-of-home-assistant"
PORT = 80  # the gateway's base URL names none
ANSWERS: dict[str, Any] = json.loads(
    Path(__file__).with_name("supervisor_answers.json").read_text(encoding="utf-8")
)
TIMEOUT_S = 30.0
NOT_PASSED_ON = frozenset({"host", "authorization", "connection", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that was passed on, and how it was answered."""

    path: str
    status: int


class StandInSupervisor:
    """Listens on port 80 of an address of its own; `house` and `gateway` are set by the test."""

    def __init__(self) -> None:
        """Raise `MissingError` where port 80 is not allowed."""
        self.house: RealHomeAssistant | None = None
        self.gateway: GatewayProcess | None = None
        self.home_assistant_token = HOME_ASSISTANT_TOKEN
        self.broker: dict[str, Any] | None = None  # what the Mosquitto app told it
        self.lines: list[bytes] = []  # that went to the gateway's stdin
        self.passed: list[Passed] = []
        self._server = _listen()
        self._server.supervisor = self
        self.address: tuple[str, int] = self._server.server_address[:2]  # type: ignore[assignment]
        self.websockets = serve(self._relay, "127.0.0.1", 0)
        for forever in (lambda: self._server.serve_forever(0.05), self.websockets.serve_forever):
            threading.Thread(target=forever, name="supervisor", daemon=True).start()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.websockets.shutdown()
        self._server.shutdown()
        self._server.server_close()

    def write_stdin(self, line: bytes) -> bool:
        """Give a line to the app; tell whether it runs."""
        if self.gateway is None:
            return False
        self.lines.append(line)
        self.gateway.write(line + b"\n")
        return True

    def _relay(self, client: ServerConnection) -> None:
        """Check the app's token in the words of Home Assistant, then pass on what both say."""
        client.send(json.dumps({"type": "auth_required", "ha_version": "x"}))
        said = json.loads(client.recv(TIMEOUT_S))
        house = self.house
        if said.get("access_token") != APP_TOKEN or house is None:
            client.send(json.dumps({"type": "auth_invalid", "message": "Invalid access"}))
            return
        with connect(house.api.websocket_url, proxy=None) as home:
            home.recv(TIMEOUT_S)
            home.send(json.dumps({"type": "auth", "access_token": house.token}))

            def from_home() -> None:
                with contextlib.suppress(ConnectionClosed):
                    for message in home:
                        client.send(message)

            threading.Thread(target=from_home, name="supervisor", daemon=True).start()
            with contextlib.suppress(ConnectionClosed):
                for message in client:
                    home.send(message)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    supervisor: StandInSupervisor

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


def _listen() -> _Server:
    for host in range(2, 255):
        try:
            return _Server((f"127.0.0.{host}", PORT), _Handler)
        except PermissionError as error:
            msg = f"listening on port {PORT} is not allowed: not root"
            raise MissingError(msg) from error
        except OSError:
            continue  # another test run
    msg = f"port {PORT} is taken on every loopback address"
    raise MissingError(msg)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def handle(self) -> None:
        """Take a websocket as a whole, before anything of it is read."""
        if self.connection.recv(64, socket.MSG_PEEK).startswith(b"GET /core/websocket "):
            inner = self.server.supervisor.websockets.socket.getsockname()
            with socket.create_connection(inner) as target:
                _pipe(self.connection, target)
        else:
            super().handle()

    def do_GET(self) -> None:
        self._take(None)

    def do_POST(self) -> None:
        self._take(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_PUT = do_DELETE = do_POST  # noqa: N815

    def _take(self, body: bytes | None) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/core/api/"):
            self._pass_on(body)
        elif path == "/services/mqtt" and self._is_from(APP_TOKEN):
            broker = self.server.supervisor.broker
            self._say(broker) if broker else self._say("Service not enabled", 400)
        elif not self._is_from(HOME_ASSISTANT_TOKEN):
            self._send(401, b"401: Unauthorized", "text/plain")
        elif path == f"/addons/{APP}/stdin":
            runs = self.server.supervisor.write_stdin(body or b"")
            self._say({}) if runs else self._say("App is not running", 400)
        else:
            self._say(ANSWERS.get(path, {}))

    def _is_from(self, token: str) -> bool:
        return self.headers.get("Authorization") == f"Bearer {token}"

    def _say(self, what: dict[str, Any] | str, status: int = 200) -> None:
        """Answer as the Supervisor does: with data, or the reason why not."""
        if isinstance(what, str):
            answer: dict[str, Any] = {"result": "error", "message": what}
        else:
            answer = {"result": "ok", "data": what}
        self._send(status, json.dumps(answer).encode())

    def _pass_on(self, body: bytes | None) -> None:
        """Ask Home Assistant, as long as it is running; the real one does the same."""
        supervisor = self.server.supervisor
        status, answer, kind = 401, b"401: Unauthorized", "text/plain"
        if self._is_from(APP_TOKEN):
            status, answer = 502, b"502: Bad Gateway"
            house = supervisor.house
            if house is not None and house.api.is_running():
                status, answer, kind = self._ask(house, body)
        supervisor.passed.append(Passed(self.path, status))
        self._send(status, answer, kind)

    def _ask(self, house: RealHomeAssistant, body: bytes | None) -> tuple[int, bytes, str]:
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON
        }
        headers["Authorization"] = f"Bearer {house.token}"
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=TIMEOUT_S)
        try:
            connection.request(self.command, self.path.removeprefix("/core"), body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Content-Type", "")
        except (OSError, http.client.HTTPException):
            return 502, b"502: Bad Gateway", "text/plain"
        finally:
            connection.close()

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pipe(left: socket.socket, right: socket.socket) -> None:
    """Copy what both sides say to each other, until one has nothing more to say."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=copy, args=(right, left), daemon=True)
    back.start()
    copy(left, right)
    back.join()
