"""Makes a prompt into a file in the background, and the error sound where that fails."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hasip.audio.cache import AudioCache
from hasip.audio.convert import convert
from hasip.calls.prompt import AudioFile, Message
from hasip.errors import AudioError
from hasip.workers import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.calls.prompt import Prompt
    from hasip.workers import Result, WorkerPool

_log = logging.getLogger(__name__)

ERROR_SOUND = Path(__file__).with_name("error.wav")


class SpeechSource(Protocol):
    """Speaks a message into a file; waits, so workers call it."""

    def identity(self, message: Message) -> tuple[str, ...]:
        """Return what decides how a message sounds."""
        ...

    def fetch(self, message: Message, target: Path) -> None:
        """Write the audio of a message, of whatever kind; raises `HaSipError`."""
        ...


@dataclass(frozen=True, slots=True)
class MadePrompt:
    """A WAV file at the bridge's rate; `release` it when it is not wanted any more."""

    path: Path
    failed: bool
    _on_release: Callable[[Path], None]

    def release(self) -> None:
        """Delete the file, if it was made for this prompt only."""
        self._on_release(self.path)


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


class Prompts:
    """Fulfils `calls.ports.Speaker`; loop thread only, the work is done by workers."""

    def __init__(
        self,
        pool: WorkerPool,
        speech: SpeechSource | None,
        *,
        rate_hz: int,
        scratch_dir: Path,
        cache_dir: Path | None,
    ) -> None:
        self._pool = pool
        self._speech = speech
        self._rate_hz = rate_hz
        self._scratch_dir = scratch_dir
        self._cache = None if cache_dir is None else AudioCache(cache_dir)
        self._warned_of_cache = False
        self._numbers = itertools.count(1)

    def prepare(self, prompt: Prompt, ready: Callable[[MadePrompt], None]) -> _Preparation:
        """Begin to make a prompt; `ready` is called on the loop, with the error sound at worst."""
        if prompt.cache and self._cache is None and not self._warned_of_cache:
            self._warned_of_cache = True
            _log.warning("cache_audio is asked for, but cache_dir is not set: nothing is cached")
        preparation = _Preparation(ready)

        def done(result: Result[Path]) -> None:
            if isinstance(result, Done):
                made = MadePrompt(result.value, failed=False, _on_release=self._delete)
            else:
                _log.warning("The error sound is played instead: %s", result.error)
                made = MadePrompt(ERROR_SOUND, failed=True, _on_release=self._delete)
            preparation.deliver(made)

        stem = self._scratch_dir / f"prompt-{next(self._numbers)}"
        self._pool.submit(lambda: self._make(prompt, stem), done)
        return preparation

    def _make(self, prompt: Prompt, stem: Path) -> Path:
        """Return the file of a prompt (on a worker)."""
        if not prompt.cache or self._cache is None:
            return self._convert(prompt, stem, stem.with_suffix(".wav"))
        key = self._key(prompt)
        found = self._cache.find(key)
        if found is not None:
            return found
        path = self._convert(prompt, stem, stem.with_suffix(".wav"))
        try:
            self._cache.keep(key, path)
        except OSError as error:
            # Only the next call is the poorer for it.
            _log.warning("A prompt was not cached: %s", error)
        return path

    def _convert(self, prompt: Prompt, stem: Path, target: Path) -> Path:
        if isinstance(prompt, AudioFile):
            convert(Path(prompt.path), target, self._rate_hz)
            return target
        if self._speech is None:
            msg = "no speech without Home Assistant; set HA_BASE_URL and HA_TOKEN"
            raise AudioError(msg)
        spoken = stem.with_suffix(".speech")
        try:
            self._speech.fetch(prompt, spoken)
            convert(spoken, target, self._rate_hz)
        finally:
            spoken.unlink(missing_ok=True)
        return target

    def _key(self, prompt: Prompt) -> tuple[str, ...]:
        match prompt:
            case Message() if self._speech is not None:
                return (str(self._rate_hz), "message", *self._speech.identity(prompt))
            case AudioFile(path=path):
                try:
                    stat = Path(path).stat()
                except OSError as error:
                    msg = f"{path}: cannot be read: {error.strerror}"
                    raise AudioError(msg) from error
                changed = f"{stat.st_size}:{stat.st_mtime_ns}"
                return (str(self._rate_hz), "file", path, changed)
            case _:
                msg = "no speech without Home Assistant; set HA_BASE_URL and HA_TOKEN"
                raise AudioError(msg)

    def _delete(self, path: Path) -> None:
        if path.parent == self._scratch_dir:
            self._pool.submit(lambda: path.unlink(missing_ok=True), _ignore)


def _ignore(result: Result[None]) -> None:
    """Take no notice: a file that stays behind goes with its folder."""
    if not isinstance(result, Done):
        _log.debug("A prompt's file was not deleted: %s", result.error)
