"""Which speech engines, languages and voices Home Assistant has, asked over its websocket."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from hasip.dataclass import dataclass
from hasip.errors import HomeAssistantError
from hasip.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

    from hasip.homeassistant.token_guard import TokenGuard
    from hasip.secret import SecretStr
    from hasip.settings.model import Tts

TIMEOUT_S = 10.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Engine:
    """Something that speaks."""

    id: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """One of an engine's voices."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SpeechOffer:
    """What Home Assistant has, beside what is wanted of it."""

    engines: tuple[Engine, ...]
    voices: tuple[Voice, ...]  # of the wanted engine in the wanted language
    engine_id: str | None
    language: str
    voice: str | None

    def lines(self) -> Iterator[str]:
        """Yield all engines and languages, and the voices of the engine that is set."""
        yield f"Speech engines: {len(self.engines)}"
        for engine in self.engines:
            yield f"    {engine.id}: {', '.join(engine.languages) or 'no language'}"
        if self._engine_problem() is None:
            voices = ", ".join(f"{voice.id} ({voice.name})" for voice in self.voices)
            yield (
                f"Voices of {self.engine_id} in {self.language}: "
                f"{voices or 'it has no choice of voices'}"
            )

    def problem(self) -> str | None:
        """Return what does not exist of what is wanted, and what does; None where all is well."""
        ids = [voice.id for voice in self.voices]
        if (problem := self._engine_problem()) is not None:
            return problem
        if self.voice and self.voices and self.voice not in ids:
            return (
                f"The engine {self.engine_id} has no voice {self.voice} in {self.language}; "
                f"it has: {', '.join(ids)}"
            )
        return None

    def _engine_problem(self) -> str | None:
        engine = find_engine(self.engines, self.engine_id)
        if engine is None:
            there_are = ", ".join(engine.id for engine in self.engines) or "none"
            if not self.engine_id:
                return f"No speech engine is set (engine_id); there are: {there_are}"
            return f"There is no speech engine {self.engine_id}; there are: {there_are}"
        if self.language not in engine.languages:
            speaks = ", ".join(engine.languages) or "nothing"
            return f"The engine {engine.id} does not speak {self.language}; it speaks: {speaks}"
        return None


class VoiceList:
    """What Home Assistant says of its engines. Waits, so workers call it."""

    def __init__(
        self,
        websocket_url: str,
        token: SecretStr | None,
        guard: TokenGuard,
        ca_file: Path | None = None,
    ) -> None:
        self._url = websocket_url
        self._ca_file = ca_file
        self._guard = guard
        self._token = "" if token is None else token.get_secret_value()

    def ask(self, tts: Tts, language: str) -> SpeechOffer:
        """Return what there is, beside what is set; raises `HomeAssistantError`."""
        doing = f"websocket {self._url}"
        self._guard.check(doing, "websocket")
        with _conversation(self._url, self._ca_file) as home:
            if not home.authenticate(self._token):
                raise self._guard.refused(doing, "")
            self._guard.accepted("websocket")
            engines = _engines(home.ask("tts/engine/list"))
            wanted = tts.engine_id or tts.platform
            found = find_engine(engines, wanted)
            voices: tuple[Voice, ...] = ()
            if found is not None and language in found.languages:
                asked = {"engine_id": found.id, "language": language}
                voices = _voices(home.ask("tts/engine/voices", **asked))
            return SpeechOffer(engines, voices, wanted, language, tts.voice)


def find_engine(engines: tuple[Engine, ...], engine_id: str | None) -> Engine | None:
    """Return the engine of that id."""
    return next((engine for engine in engines if engine.id == engine_id), None)


@contextlib.contextmanager
def _conversation(url: str, ca_file: Path | None) -> Iterator[_Conversation]:
    """Connect; whatever goes wrong from then on is a `HomeAssistantError`."""
    # Imported here: it costs memory and time, and who only wants webhooks does not need it.
    import ssl  # noqa: PLC0415

    from websockets.exceptions import WebSocketException  # noqa: PLC0415
    from websockets.sync.client import connect  # noqa: PLC0415

    from hasip.homeassistant.tls import tls_problem, trusted  # noqa: PLC0415

    try:
        with connect(
            url,
            ssl=trusted(ca_file) if url.startswith("wss:") else None,
            proxy=None,
            open_timeout=TIMEOUT_S,
            close_timeout=1.0,
            max_size=LARGEST_ANSWER_BYTES,
        ) as socket:
            yield _Conversation(socket)
    except HomeAssistantError as error:
        if url in str(error):
            raise
        msg = f"websocket {url}: {error}"
        raise HomeAssistantError(msg) from error
    except ssl.SSLError as error:
        msg = f"websocket {url}: {tls_problem(error)}"
        raise HomeAssistantError(msg) from error
    except (WebSocketException, OSError, ValueError) as error:
        msg = f"websocket {url}: {error or type(error).__name__}"
        raise HomeAssistantError(msg) from error


class _Conversation:
    """A websocket on which questions are asked one after the other."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_id = 0

    def authenticate(self, token: str) -> bool:
        """Show the token; tell whether it is accepted."""
        self._receive()  # auth_required
        self._socket.send(json.dumps({"type": "auth", "access_token": token}))
        return self._receive().get("type") == "auth_ok"

    def ask(self, kind: str, **fields: str) -> dict[str, Any]:
        """Return the result of a command; raises `HomeAssistantError`."""
        self._last_id += 1
        self._socket.send(json.dumps({"id": self._last_id, "type": kind, **fields}))
        answer = self._receive()
        while answer.get("id") != self._last_id:
            answer = self._receive()
        if not answer.get("success"):
            error = answer.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            msg = f"{kind} failed: {said or 'no reason given'}"
            raise HomeAssistantError(msg)
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    def _receive(self) -> dict[str, Any]:
        answer = read_json(self._socket.recv(TIMEOUT_S))
        if not isinstance(answer, dict):
            msg = "the answer is no JSON object"
            raise HomeAssistantError(msg)
        return answer


def _engines(result: dict[str, Any]) -> tuple[Engine, ...]:
    return tuple(
        Engine(
            str(one.get("engine_id", "")),
            tuple(map(str, _list(one.get("supported_languages")))),
        )
        for one in _list(result.get("providers"))
        if isinstance(one, dict)
    )


def _voices(result: dict[str, Any]) -> tuple[Voice, ...]:
    return tuple(
        Voice(str(one.get("voice_id")), str(one.get("name")))
        for one in _list(result.get("voices"))
        if isinstance(one, dict)
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
