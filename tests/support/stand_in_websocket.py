"""A stand-in for Home Assistant's websocket, with its list of speech engines and voices."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Callable


class StandInWebsocket:
    """Answers the questions about speech; listens from the start until `close`."""

    def __init__(self, is_right_token: Callable[[str], bool]) -> None:
        self.results: dict[str, Any] = {
            "tts/engine/list": {
                "providers": [
                    {"engine_id": "tts.espeak", "supported_languages": ["de", "en"]},
                    {"engine_id": "tts.cloud", "supported_languages": []},
                ]
            },
            "tts/engine/voices": {"voices": [{"voice_id": "f1", "name": "Anna"}]},
        }
        self.raw_answer: str | None = None  # in place of every answer to a question
        self.asked: list[dict[str, Any]] = []
        self._is_right_token = is_right_token
        self._server = serve(self._answer, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/api/websocket"
        threading.Thread(
            target=self._server.serve_forever, name="stand-in-websocket", daemon=True
        ).start()

    def close(self) -> None:
        """Go."""
        self._server.shutdown()

    def _answer(self, socket: ServerConnection) -> None:
        """Talk as Home Assistant does, until the other side has gone."""
        with contextlib.suppress(ConnectionClosed):
            self._talk(socket)

    def _talk(self, socket: ServerConnection) -> None:
        socket.send(json.dumps({"type": "auth_required"}))
        if not self._is_right_token(json.loads(socket.recv())["access_token"]):
            socket.send(json.dumps({"type": "auth_invalid"}))
            return
        socket.send(json.dumps({"type": "auth_ok"}))
        for text in socket:
            asked = json.loads(text)
            self.asked.append(asked)
            socket.send(json.dumps({"id": 0, "type": "event"}))  # something else in between
            result = self.results.get(asked["type"])
            said = {"success": True, "result": result}
            if result is None:
                said = {"success": False, "error": {"message": "unknown"}}
            answer = json.dumps({"id": asked["id"], "type": "result", **said})
            socket.send(self.raw_answer or answer)
