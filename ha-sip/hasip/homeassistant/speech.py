"""Has Home Assistant speak a message into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError

if TYPE_CHECKING:
    from pathlib import Path

    from hasip.calls.prompt import Message
    from hasip.homeassistant.client import HomeAssistantClient
    from hasip.settings.model import Tts

# Cloud engines take seconds; the caller hears silence meanwhile, then the local voice.
DEADLINE_S = 15.0


class SpeechError(HomeAssistantError):
    """Home Assistant did not speak; says which engine, language and voice were asked."""


class Speech:
    """Speech by `tts_get_url`. Waits, so workers call it."""

    def __init__(self, client: HomeAssistantClient, tts: Tts) -> None:
        self._client = client
        self._tts = tts

    def identity(self, message: Message) -> tuple[str, ...]:
        """Return what decides how a message sounds, for the cache."""
        tts = self._tts
        language = message.language or tts.language
        return (tts.engine_id or tts.platform or "", language, tts.voice or "", message.text)

    def render(self, message: Message) -> str:
        """Return a message's text, rendered if it is a template; raises `SpeechError`."""
        if not message.is_template:
            return message.text
        try:
            return self._client.render_template(message.text)
        except HomeAssistantError as error:
            msg = f"the template was not rendered: {error}"
            raise SpeechError(msg) from error

    def fetch(self, text: str, language: str, target: Path) -> None:
        """Write the audio of a text to `target`; raises `SpeechError`."""
        try:
            self._download(
                self._client.speech_urls(self._request(text, language), DEADLINE_S), target
            )
        except HomeAssistantError as error:
            engine = self._tts.engine_id or self._tts.platform or "none set"
            voice = self._tts.voice or "default"
            msg = f"no speech from engine {engine}, language {language}, voice {voice}: {error}"
            raise SpeechError(msg) from error

    def _request(self, text: str, language: str) -> dict[str, object]:
        request: dict[str, object] = {"message": text, "language": language}
        if self._tts.engine_id:
            request["engine_id"] = self._tts.engine_id
        elif self._tts.platform:
            request["platform"] = self._tts.platform
        if self._tts.voice:
            request["options"] = {"voice": self._tts.voice}
        return request

    def _download(self, urls: tuple[str, ...], target: Path) -> None:
        *others, last = urls
        for url in others:
            try:
                self._client.download(url, target, DEADLINE_S)
            except HomeAssistantError:
                continue
            return
        self._client.download(last, target, DEADLINE_S)
