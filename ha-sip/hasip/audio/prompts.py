"""Makes a prompt into a file in the background, and the error sound where that fails."""

from __future__ import annotations

import itertools
import logging
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

from hasip.audio.cache import AudioCache
from hasip.audio.convert import convert
from hasip.audio.local_speech import without_template
from hasip.calls.prompt import TAIL_S, AudioFile, ErrorSound, Message
from hasip.dataclass import dataclass
from hasip.errors import AudioError, HaSipError
from hasip.workers import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.audio.fence import FileFence
    from hasip.calls.prompt import Prompt
    from hasip.workers import Result, WorkerPool

_log = logging.getLogger(__name__)

ERROR_SOUND = Path(__file__).with_name("error.wav")
WAV_HEADER_BYTES = 44
NO_SPEECH = "no speech without Home Assistant; set HA_BASE_URL and HA_TOKEN"


class Voice(Protocol):
    """Speaks into a file; waits, so workers call it."""

    def fetch(self, text: str, language: str, target: Path) -> None:
        """Write the audio of a text, of whatever kind; raises `HaSipError`."""
        ...


class SpeechSource(Voice, Protocol):
    """Home Assistant's voice."""

    def identity(self, text: str, language: str) -> tuple[str, ...]:
        """Return what decides how a text sounds."""
        ...

    def describe(self, language: str) -> str:
        """Return what is asked to speak: engine, language and voice."""
        ...

    def render(self, message: Message) -> str:
        """Return the text of a message; raises `HaSipError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voices:
    """Who may read a message out."""

    speech: SpeechSource | None  # None: there is no Home Assistant
    fallback: Voice | None  # None: the error sound is played instead
    language: str  # of messages that name none


@dataclass(slots=True)
class MadePrompt:
    """A WAV file at the bridge's rate; `release` it when it is not wanted any more."""

    path: Path
    failed: bool
    _on_release: Callable[[Path], None] | None

    def release(self) -> None:
        """Delete the file, if it is not kept and nobody else uses it; harmless when repeated."""
        on_release, self._on_release = self._on_release, None
        if on_release is not None:
            on_release(self.path)


class _Preparation:
    """A prompt on its way."""

    def __init__(self, ready: Callable[[MadePrompt], None]) -> None:
        self._ready: Callable[[MadePrompt], None] | None = ready

    def cancel(self) -> None:
        self._ready = None

    def deliver(self, made: MadePrompt) -> None:
        ready, self._ready = self._ready, None
        if ready is None:
            made.release()
        else:
            ready(made)


class _Job:
    """Those who wait for the same file; of the loop, but for `has_begun`, which a worker sets."""

    def __init__(self) -> None:
        self.waiting: list[_Preparation] = []
        # Who comes later wants what is true then. Where both happen at once, he gets what is
        # made from now on, so the loop need not wait for the worker to see it.
        self.has_begun = threading.Event()


class Prompts:
    """Fulfils `calls.ports.Speaker`; loop thread only, the work is done by workers."""

    def __init__(
        self,
        pool: WorkerPool,
        voices: Voices,
        *,
        rate_hz: int,
        scratch_dir: Path,
        cache_dir: Path | None,
        fence: FileFence,
    ) -> None:
        self._pool = pool
        self._voices = voices
        self._rate_hz = rate_hz
        self._format = (str(rate_hz), f"tail {TAIL_S:g}")  # of the files, for the cache
        self._scratch_dir = scratch_dir
        self._cache = None if cache_dir is None else AudioCache(cache_dir)
        self._fence = fence
        self._warned_of_cache = False
        self._numbers = itertools.count(1)
        # While no worker has begun a job, who wants the same gets what that one makes.
        self._jobs: dict[Prompt, _Job] = {}
        self._users: dict[Path, int] = {}

    def prepare(self, prompt: Prompt, ready: Callable[[MadePrompt], None]) -> _Preparation:
        """Begin to make a prompt; `ready` is called on the loop, with the error sound at worst."""
        if prompt.cache and self._cache is None and not self._warned_of_cache:
            self._warned_of_cache = True
            _log.warning("cache_audio is asked for, but cache_dir is not set: nothing is cached")
        preparation = _Preparation(ready)
        earlier = self._jobs.get(prompt)
        if earlier is not None and not earlier.has_begun.is_set():
            earlier.waiting.append(preparation)
            return preparation
        job = self._jobs[prompt] = _Job()
        job.waiting.append(preparation)
        stem = self._scratch_dir / f"prompt-{next(self._numbers)}"

        def work() -> Path:
            job.has_begun.set()
            return self._make(prompt, stem)

        def done(result: Result[Path]) -> None:
            if self._jobs.get(prompt) is job:
                del self._jobs[prompt]
            if isinstance(result, Done):
                path, failed = result.value, False
            else:
                _log.warning("The error sound is played instead: %s", result.error)
                path, failed = ERROR_SOUND, True
            self._users[path] = self._users.get(path, 0) + len(job.waiting)
            for one in job.waiting:
                # A step of the loop each: they may be hundreds, and one that fails is one.
                made = MadePrompt(path, failed=failed, _on_release=self._release)
                self._pool.loop.post(partial(one.deliver, made))

        self._pool.submit(work, done)
        return preparation

    def _make(self, prompt: Prompt, stem: Path) -> Path:
        """Return the file of a prompt (on a worker)."""
        target = stem.with_suffix(".wav")
        cache = self._cache if prompt.cache else None
        match prompt:
            case ErrorSound():
                return ERROR_SOUND
            case AudioFile(path=path):
                source = self._fence.path("audio_file", path)
                key = () if cache is None else self._key_of_file(source)
                return _cached(cache, key, target, lambda: self._convert(source, target))
            case Message():
                return self._message(prompt, cache, stem)
            case _:
                assert_never(prompt)

    def _message(self, message: Message, cache: AudioCache | None, stem: Path) -> Path:
        """Return the file of what Home Assistant says; of what a local voice says, where not."""
        speech, fallback = self._voices.speech, self._voices.fallback
        language = message.language or self._voices.language
        target, spoken = stem.with_suffix(".wav"), stem.with_suffix(".speech")
        text = without_template(message.text) if message.is_template else message.text
        try:
            if speech is None:
                raise AudioError(NO_SPEECH)
            text = speech.render(message)
            key = (*self._format, "message", *speech.identity(text, language))
            return _cached(cache, key, target, lambda: self._speak(text, language, spoken, target))
        except HaSipError as error:
            if fallback is None:
                raise
            if not text:
                msg = f"{error}; nothing of it can be said without Home Assistant"
                raise AudioError(msg) from error
            _log.warning("A local voice speaks instead: %s", error)
            fallback.fetch(text, language, spoken)
            self._convert(spoken, target)
            return target  # and it is not kept: the right voice is asked again next time
        finally:
            spoken.unlink(missing_ok=True)

    def _speak(self, text: str, language: str, spoken: Path, target: Path) -> None:
        """Have Home Assistant speak."""
        speech = self._voices.speech
        if speech is None:
            raise AudioError(NO_SPEECH)
        speech.fetch(text, language, spoken)
        try:
            self._convert(spoken, target)
        except AudioError as error:
            msg = f"no speech from {speech.describe(language)}: what came is no audio: {error}"
            raise AudioError(msg) from error
        if target.stat().st_size <= WAV_HEADER_BYTES:
            msg = f"no speech from {speech.describe(language)}: the audio is empty"
            raise AudioError(msg)

    def _convert(self, source: Path, target: Path) -> None:
        convert(source, target, self._rate_hz)

    def _key_of_file(self, source: Path) -> tuple[str, ...]:
        try:
            stat = source.stat()
        except OSError as error:
            msg = f"{source}: cannot be read: {error.strerror}"
            raise AudioError(msg) from error
        changed = f"{stat.st_size}:{stat.st_mtime_ns}"
        return (*self._format, "file", str(source), changed)

    def _release(self, path: Path) -> None:
        self._users[path] -= 1
        if self._users[path]:
            return
        del self._users[path]
        if path.parent == self._scratch_dir:
            self._pool.submit(lambda: path.unlink(missing_ok=True), _ignore)


def _cached(
    cache: AudioCache | None, key: tuple[str, ...], target: Path, make: Callable[[], None]
) -> Path:
    """Return the file that is kept for this key; else `target`, made and kept."""
    if cache is None:
        make()
        return target
    found = cache.find(key)
    if found is not None:
        return found
    make()
    try:
        cache.keep(key, target)
    except OSError as error:
        # Only the next call is the poorer for it.
        _log.warning("A prompt was not cached: %s", error)
    return target


def _ignore(result: Result[None]) -> None:
    """Take no notice: a file that stays behind goes with its folder."""
    if not isinstance(result, Done):
        _log.debug("A prompt's file was not deleted: %s", result.error)
