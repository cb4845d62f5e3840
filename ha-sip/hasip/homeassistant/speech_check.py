"""Says in the log whether Home Assistant has the engine, language and voice that are set.

Looked at once when Home Assistant first answers, and again when speech begins to fail: its own
answers to a wrong engine or language say nothing at all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from hasip.homeassistant.voices import SpeechOffer, VoiceList
    from hasip.loop import Loop
    from hasip.settings.model import Tts
    from hasip.workers import Result

_log = logging.getLogger(__name__)

# Speech that fails with every other call must not fill the log.
LOOK_AGAIN_AFTER_S = 60.0


class SpeechCheck:
    """Asks on a worker; loop thread only."""

    def __init__(self, loop: Loop, voices: VoiceList, tts: Tts) -> None:
        self._loop = loop
        self._voices = voices
        self._tts = tts
        self._pool = WorkerPool("voices", loop, threads=1, waiting=0)
        self._looked_at: float | None = None
        self._has_answer = False
        self._is_asking = False

    def home_is_there(self) -> None:
        """Look, if there has been no answer yet."""
        if not self._has_answer and (self._tts.debug_print or self._is_wanted):
            self._look(self._tts.language)

    def speech_fails(self, language: str) -> None:
        """Look again, in the language in which it failed."""
        soonest = (self._looked_at or float("-inf")) + LOOK_AGAIN_AFTER_S
        if not self._has_answer or self._loop.clock.now() >= soonest:
            self._look(language)

    @property
    def _is_wanted(self) -> bool:
        return bool(self._tts.engine_id or self._tts.platform)

    def _look(self, language: str) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        self._pool.submit(lambda: self._voices.ask(self._tts, language), self._say)

    def _say(self, result: Result[SpeechOffer]) -> None:
        self._is_asking = False
        self._looked_at = self._loop.clock.now()
        if isinstance(result, Failed):
            _log.warning("The speech engines are not known: %s", result.error)
            return
        offer = result.value
        if self._tts.debug_print and not self._has_answer:
            for line in offer.lines():
                _log.info("%s", line)
        self._has_answer = True
        problem = offer.problem()
        if problem is not None:
            _log.warning("%s", problem)
        else:
            voice = f", voice {offer.voice}" if offer.voice else ""
            _log.info("The engine %s speaks %s%s", offer.engine_id, offer.language, voice)
