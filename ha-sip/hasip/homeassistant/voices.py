"""Which speech engines, languages and voices Home Assistant has, asked over its websocket."""

from __future__ import annotations

import contextlib
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hasip.errors import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr
    from websockets.sync.client import ClientConnection

    from hasip.settings.model import Tts

TIMEOUT_S = 10.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that speaks."""

    id: str
    languages: tuple[str, ...]


class VoiceList:
    """What Home Assistant says of its engines. Waits, so workers call it."""

    def __init__(
        self, websocket_url: str, token: SecretStr | None, ca_file: Path | None = None
    ) -> None:
        self._url = websocket_url
        self._ca_file = ca_file
        self._token = "" if token is None else token.get_secret_value()

    def describe(self, tts: Tts) -> tuple[str, ...]:
        """Return lines for the log: all engines, and the voices of the one that is set.

        Raises `HomeAssistantError`.
        """
        return tuple(self._lines(tts))

    def _lines(self, tts: Tts) -> Iterator[str]:
        with _conversation(self._url, self._token, self._ca_file) as home:
            engines = _engines(home.ask("tts/engine/list"))
            yield f"Speech engines: {len(engines)}"
            for engine in engines:
                yield f"    {engine.id}: {', '.join(engine.languages) or 'no language'}"
            wanted = tts.engine_id or tts.platform
            found = next((engine for engine in engines if engine.id == wanted), None)
            if found is None:
                yield f"The engine {wanted or '(none is set)'} is not among them"
            elif tts.language not in found.languages:
                yield f"The engine {found.id} does not speak {tts.language}"
            else:
                answer = home.ask("tts/engine/voices", engine_id=found.id, language=tts.language)
                voices = ", ".join(_voices(answer)) or "it has no choice of voices"
                yield f"Voices of {found.id} in {tts.language}: {voices}"


@contextlib.contextmanager
def _conversation(url: str, token: str, ca_file: Path | None) -> Iterator[_Conversation]:
    """Connect and introduce us; whatever goes wrong from then on is a `HomeAssistantError`."""
    # Imported here: few need it, and it costs memory.
    from websockets.exceptions import WebSocketException  # noqa: PLC0415
    from websockets.sync.client import connect  # noqa: PLC0415

    try:
        encrypted = url.startswith("wss:")
        with connect(
            url,
            ssl=ssl.create_default_context(cafile=ca_file) if encrypted else None,
            proxy=None,
            open_timeout=TIMEOUT_S,
            close_timeout=1.0,
            max_size=LARGEST_ANSWER_BYTES,
        ) as socket:
            conversation = _Conversation(socket)
            conversation.authenticate(token)
            yield conversation
    except HomeAssistantError as error:
        msg = f"websocket {url}: {error}"
        raise HomeAssistantError(msg) from error
    except (WebSocketException, OSError, ValueError) as error:
        msg = f"websocket {url}: {error or type(error).__name__}"
        raise HomeAssistantError(msg) from error


class _Conversation:
    """A websocket on which questions are asked one after the other."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_id = 0

    def authenticate(self, token: str) -> None:
        """Show the token."""
        self._receive()  # auth_required
        self._socket.send(json.dumps({"type": "auth", "access_token": token}))
        if self._receive().get("type") != "auth_ok":
            msg = "Home Assistant refused the token; check HA_TOKEN"
            raise HomeAssistantError(msg)

    def ask(self, kind: str, **fields: str) -> dict[str, Any]:
        """Return the result of a command; raises `HomeAssistantError`."""
        self._last_id += 1
        self._socket.send(json.dumps({"id": self._last_id, "type": kind, **fields}))
        answer = self._receive()
        while answer.get("id") != self._last_id:
            answer = self._receive()
        if not answer.get("success"):
            said = (answer.get("error") or {}).get("message", "no reason given")
            msg = f"{kind} failed: {said}"
            raise HomeAssistantError(msg)
        return answer.get("result") or {}

    def _receive(self) -> dict[str, Any]:
        answer = json.loads(self._socket.recv(TIMEOUT_S))
        if not isinstance(answer, dict):
            msg = "the answer is no JSON object"
            raise HomeAssistantError(msg)
        return answer


def _engines(result: dict[str, Any]) -> list[Engine]:
    return [
        Engine(str(one.get("engine_id", "")), tuple(map(str, one.get("supported_languages") or ())))
        for one in result.get("providers") or ()
        if isinstance(one, dict)
    ]


def _voices(result: dict[str, Any]) -> list[str]:
    return [
        f"{one.get('voice_id')} ({one.get('name')})"
        for one in result.get("voices") or ()
        if isinstance(one, dict)
    ]
