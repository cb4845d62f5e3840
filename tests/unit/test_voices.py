"""The list of engines and voices, asked over a real websocket."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from hasip.errors import HomeAssistantError
from hasip.homeassistant.voices import VoiceList
from hasip.settings.model import Tts

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS: dict[str, Any] = {
    "tts/engine/list": {
        "providers": [
            {"engine_id": "tts.espeak", "name": "Espeak", "supported_languages": ["de", "en"]},
            {"engine_id": "tts.cloud", "name": "Cloud", "supported_languages": []},
        ]
    },
    "tts/engine/voices": {"voices": [{"voice_id": "f1", "name": "Anna"}]},
}


def answer(socket: ServerConnection) -> None:
    """Talk as Home Assistant does, until the other side has gone."""
    with contextlib.suppress(ConnectionClosed):
        talk(socket)


def talk(socket: ServerConnection) -> None:
    socket.send(json.dumps({"type": "auth_required"}))
    if json.loads(socket.recv())["access_token"] != "right":
        socket.send(json.dumps({"type": "auth_invalid"}))
        return
    socket.send(json.dumps({"type": "auth_ok"}))
    for text in socket:
        asked = json.loads(text)
        socket.send(json.dumps({"id": 0, "type": "event"}))  # something else in between
        result = ANSWERS.get(asked["type"])
        said = {"success": True, "result": result}
        if result is None:
            said = {"success": False, "error": {"message": "unknown"}}
        socket.send(json.dumps({"id": asked["id"], "type": "result", **said}))


@pytest.fixture
def url() -> Iterator[str]:
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


def described(url: str, token: str = "right", **tts: str) -> list[str]:
    return list(VoiceList(url, SecretStr(token)).describe(Tts(**tts)))


def test_engines_languages_and_voices_are_listed(url: str) -> None:
    assert described(url, engine_id="tts.espeak") == [
        "Speech engines: 2",
        "    tts.espeak: de, en",
        "    tts.cloud: no language",
        "Voices of tts.espeak in en: f1 (Anna)",
    ]


@pytest.mark.parametrize(
    ("tts", "said"),
    [
        ({"engine_id": "tts.none"}, "The engine tts.none is not among them"),
        ({}, "The engine (none is set) is not among them"),
        ({"engine_id": "tts.espeak", "language": "fr"}, "The engine tts.espeak does not speak fr"),
    ],
)
def test_what_does_not_fit_is_said(url: str, tts: dict[str, str], said: str) -> None:
    assert described(url, **tts)[-1] == said


def test_a_refused_token_an_absent_server_and_an_unknown_question_are_errors(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HomeAssistantError, match="refused the token; check HA_TOKEN"):
        described(url, "wrong")
    with pytest.raises(HomeAssistantError, match=r"websocket ws://127\.0\.0\.1:1: "):
        described("ws://127.0.0.1:1")
    monkeypatch.delitem(ANSWERS, "tts/engine/list")
    with pytest.raises(HomeAssistantError, match="tts/engine/list failed: unknown"):
        described(url)
