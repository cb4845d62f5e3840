"""Home Assistant's API as a test wants it: REST, and a websocket for what REST has not."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import requests
from websockets.sync.client import connect

from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER = {"name": "Test", "username": "test", "password": "test-password", "language": "en"}
TIMEOUT_S = 20.0


class HomeAssistantApi:
    """Asks and tells; raises AssertionError for what Home Assistant refuses."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        scheme = "http" if certificate is None else "https"
        self.root = f"{scheme}://127.0.0.1:{port}/"
        self.websocket_url = self.root.replace("http", "ws", 1) + "api/websocket"
        self.token = ""
        self._certificate = certificate

    # --- the first start ----------------------------------------------------------------------

    def onboard(self) -> None:
        """Create the owner, as the first page of the user interface does; sets `token`."""
        user = {"client_id": self.root, **USER}
        code = self._request("POST", "api/onboarding/users", json=user).json()["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": self.root}
        self.token = self._request("POST", "auth/token", data=form).json()["access_token"]
        self.token = self.ask("auth/long_lived_access_token", client_name="ha-sip", lifespan=3650)

    def is_running(self) -> bool:
        """Tell whether everything is set up; False too while nobody listens."""
        try:
            answer = self._send("GET", "api/config")
        except requests.RequestException:
            return False
        return answer.status_code == 200 and answer.json()["state"] == "RUNNING"

    # --- afterwards ---------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """Return the JSON of a path under `/api/`."""
        return self._request("GET", f"api/{path}").json()

    def post(self, path: str, body: Any) -> requests.Response:
        """Post JSON to a path under `/api/`."""
        return self._request("POST", f"api/{path}", json=body)

    def state(self, entity_id: str) -> dict[str, Any]:
        """Return a state with its attributes; an empty one if there is no such entity."""
        answer = self._send("GET", f"api/states/{entity_id}")
        return answer.json() if answer.ok else {"state": None, "attributes": {}}

    def wait_state(
        self, entity_id: str, state: str, timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Wait for a state; returns it with its attributes."""
        what = f"{entity_id} is {state}"
        wait_until(lambda: self.state(entity_id)["state"] == state, what, timeout_s)
        return self.state(entity_id)

    def call(self, service: str, **data: Any) -> None:
        """Run an action, given as `domain.service`."""
        self.post("services/" + service.replace(".", "/"), data)

    def ask(self, kind: str, **fields: Any) -> Any:
        """Return the result of a websocket command."""
        context = ssl.create_default_context(cafile=self._certificate)
        encrypted = context if self._certificate else None
        with connect(
            self.websocket_url, ssl=encrypted, proxy=None, open_timeout=TIMEOUT_S
        ) as socket:
            socket.recv(TIMEOUT_S)  # auth_required
            socket.send(json.dumps({"type": "auth", "access_token": self.token}))
            said = json.loads(socket.recv(TIMEOUT_S))
            assert said["type"] == "auth_ok", said
            socket.send(json.dumps({"id": 1, "type": kind, **fields}))
            answer = json.loads(socket.recv(TIMEOUT_S))
        assert answer["success"], answer
        return answer["result"]

    def add_automation(self, name: str, automation: Mapping[str, Any]) -> None:
        """Add an automation, or write it anew, as its editor does; it is on afterwards."""
        self.post(f"config/automation/config/{name}", {"alias": name, **automation})
        self.wait_state(f"automation.{name}", "on")

    def remove_automation(self, name: str) -> None:
        """Take an automation away again."""
        self._request("DELETE", f"api/config/automation/config/{name}")
        entity_id = f"automation.{name}"
        wait_until(lambda: self.state(entity_id)["state"] is None, f"{entity_id} is gone")

    # --- the wire -----------------------------------------------------------------------------

    def _request(self, method: str, path: str, **body: Any) -> requests.Response:
        answer = self._send(method, path, **body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def _send(self, method: str, path: str, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        verify = str(self._certificate) if self._certificate else True
        url = self.root + path
        return requests.request(
            method, url, headers=headers, verify=verify, timeout=TIMEOUT_S, **body
        )
