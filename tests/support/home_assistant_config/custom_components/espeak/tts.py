"""The engine `tts.espeak`; a message with BROKEN in it makes it fail."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from homeassistant.components.tts import TextToSpeechEntity, Voice

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddEntitiesCallback

LANGUAGES = ["de", "en"]
VOICES = {
    language: [Voice(f"{language}+m3", "male 3"), Voice(f"{language}+f2", "female 2")]
    for language in LANGUAGES
}


async def async_setup_entry(
    _hass: HomeAssistant, _entry: ConfigEntry, async_add_entities: AddEntitiesCallback
) -> None:
    """Add the engine."""
    async_add_entities([EspeakEngine()])


class EspeakEngine(TextToSpeechEntity):
    """Speaks by running espeak-ng."""

    _attr_name = "espeak"
    _attr_unique_id = "espeak"

    @property
    def default_language(self) -> str:
        """Return the language where none is asked for."""
        return "en"

    @property
    def supported_languages(self) -> list[str]:
        """Return all languages."""
        return LANGUAGES

    @property
    def supported_options(self) -> list[str]:
        """Return what may be asked for beside the language."""
        return ["voice"]

    def async_get_supported_voices(self, language: str) -> list[Voice] | None:
        """Return the voices of a language."""
        return VOICES.get(language)

    def get_tts_audio(
        self, message: str, language: str, options: dict[str, Any]
    ) -> tuple[str | None, bytes | None]:
        """Speak; runs in a worker of Home Assistant."""
        if "BROKEN" in message:
            return None, None
        command = ["espeak-ng", "-v", options.get("voice") or language, "--stdout"]
        spoken = subprocess.run(
            command, input=message.encode(), capture_output=True, check=True, timeout=30
        )
        return "wav", spoken.stdout
