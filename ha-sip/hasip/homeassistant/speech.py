"""Has Home Assistant speak a message into a file."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import TimedOutError
from hasip.homeassistant.impatient import Impatient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.calls.prompt import Message
    from hasip.homeassistant.client import HomeAssistantClient
    from hasip.settings.model import Tts

# Cloud engines take seconds; the caller hears silence meanwhile, then the local voice.
DEADLINE_S = 15.0
TEMPLATE_DEADLINE_S = 5.0
# While the engine is known to be slow or away, few callers are to wait that long.
SHORT_DEADLINE_S = 3.0
REMEMBERED_S = 120.0


class SpeechError(HomeAssistantError):
    """Home Assistant did not speak; says which engine, language and voice were asked."""


class Speech:
    """Speech by `tts_get_url`. Waits, so workers call it."""

    def __init__(
        self,
        client: HomeAssistantClient,
        tts: Tts,
        on_first_failure: Callable[[str], None] = lambda language: None,  # noqa: ARG005
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take whom to tell, on the worker, that it fails since now, in which language."""
        self._client = client
        self._tts = tts
        self._on_first_failure = on_first_failure
        self._patience = Patience(now)
        self._impatient = Impatient("speech")
        self._fails = False
        self._numbers = itertools.count(1)

    def identity(self, text: str, language: str) -> tuple[str, ...]:
        """Return what decides how a text sounds, for the cache."""
        tts = self._tts
        return (tts.engine_id or tts.platform or "", language, tts.voice or "", text)

    def describe(self, language: str) -> str:
        """Return what is asked to speak."""
        engine = self._tts.engine_id or self._tts.platform or "none set"
        return f"engine {engine}, language {language}, voice {self._tts.voice or 'default'}"

    def render(self, message: Message) -> str:
        """Return a message's text, rendered if it is a template; raises `SpeechError`."""
        if not message.is_template:
            return message.text
        wait_s = min(TEMPLATE_DEADLINE_S, self._patience.deadline_s())
        try:
            return self._impatient.run(
                lambda: self._client.render_template(message.text, wait_s), wait_s, "POST template"
            )
        except HomeAssistantError as error:
            msg = f"the template was not rendered: {error}"
            raise SpeechError(msg) from error

    def fetch(self, text: str, language: str, target: Path) -> None:
        """Write the audio of a text to `target`; raises `SpeechError`."""
        wait_s = self._patience.deadline_s()
        ends_at = time.monotonic() + wait_s
        # Of its own: one that comes too late must not write into what is spoken instead.
        part = target.with_name(f"{target.name}.{next(self._numbers)}")
        try:
            self._impatient.run(
                lambda: self._speak(text, language, part, ends_at), wait_s, "speech"
            )
            part.replace(target)
        except HomeAssistantError as error:
            self._patience.failed(wait_s - (ends_at - time.monotonic()))
            if not self._fails:
                self._fails = True
                self._on_first_failure(language)
            msg = f"no speech from {self.describe(language)}: {error}"
            raise SpeechError(msg) from error
        self._fails = False
        self._patience.worked()

    def _speak(self, text: str, language: str, part: Path, ends_at: float) -> None:
        try:
            urls = self._client.speech_urls(self._request(text, language), _left_s(ends_at))
            self._download(urls, part, ends_at)
        except HomeAssistantError:
            part.unlink(missing_ok=True)
            raise
        if time.monotonic() > ends_at:
            part.unlink(missing_ok=True)
            msg = "the audio came too late"
            raise TimedOutError(msg)

    def _request(self, text: str, language: str) -> dict[str, object]:
        request: dict[str, object] = {"message": text, "language": language}
        if self._tts.engine_id:
            request["engine_id"] = self._tts.engine_id
        elif self._tts.platform:
            request["platform"] = self._tts.platform
        if self._tts.voice:
            request["options"] = {"voice": self._tts.voice}
        return request

    def _download(self, urls: tuple[str, ...], part: Path, ends_at: float) -> None:
        errors: list[HomeAssistantError] = []
        for url in urls:
            try:
                self._client.download(url, part, _left_s(ends_at))
            except HomeAssistantError as error:
                errors.append(error)
            else:
                return
        if len(errors) == 1:
            raise errors[0]
        msg = "; ".join(map(str, errors))
        raise HomeAssistantError(msg) from errors[0]


class Patience:
    """How long a caller waits: for a while not long again, after somebody waited in vain."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._short_until = float("-inf")

    def deadline_s(self) -> float:
        """Return how long to wait now."""
        return SHORT_DEADLINE_S if self._now() < self._short_until else DEADLINE_S

    def failed(self, after_s: float) -> None:
        """Note a failure; one that came at once costs nobody time."""
        # Who waited shortly has not found out anything new: the memory must fade some time.
        if after_s > SHORT_DEADLINE_S and self._now() >= self._short_until:
            self._short_until = self._now() + REMEMBERED_S

    def worked(self) -> None:
        """Note that it works again."""
        self._short_until = float("-inf")


def _left_s(ends_at: float) -> float:
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        msg = "the time is over"
        raise TimedOutError(msg)
    return left_s
