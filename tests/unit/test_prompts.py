"""Prompts become files: cached or not, and the error sound where that fails."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from hasip.audio import local_speech
from hasip.audio.fence import FileFence
from hasip.audio.local_speech import LocalSpeech
from hasip.audio.prompts import ERROR_SOUND, MadePrompt, Prompts, Voices
from hasip.calls.prompt import AudioFile, Message
from hasip.errors import HomeAssistantError
from hasip.loop import Loop
from hasip.workers import WorkerPool
from support import audio

if TYPE_CHECKING:
    from pathlib import Path

    from hasip.audio.prompts import Voice
    from hasip.calls.prompt import Prompt


class FakeSpeech:
    """Speaks a second of a tone, and counts."""

    def __init__(self) -> None:
        self.voice = "anna"
        self.fetched: list[str] = []
        self.fails = False

    def identity(self, text: str, language: str) -> tuple[str, ...]:
        return ("engine", language, self.voice, text)

    def describe(self, language: str) -> str:
        return f"engine x, language {language}, voice {self.voice}"

    def render(self, message: Message) -> str:
        if message.is_template and self.fails:
            raise HomeAssistantError("no template")
        return message.text

    def fetch(self, text: str, language: str, target: Path) -> None:
        self.fetched.append(f"{text} ({language})")
        if self.fails:
            raise HomeAssistantError("no engine")
        audio.write_wav(target, audio.sine(440, 0.1, -10))


class Room:
    """Prompts with real workers and folders."""

    def __init__(
        self, folder: Path, *, has_cache: bool = True, fallback: Voice | None = None
    ) -> None:
        self.loop = Loop()
        self.speech = FakeSpeech()
        voices = Voices(speech=self.speech, fallback=fallback, language="nl")
        self.scratch, self.cache = folder / "scratch", folder / "cache"
        self.scratch.mkdir()
        self.cache.mkdir()
        self.pool = WorkerPool("prompts", self.loop, threads=2, waiting=10)
        self.prompts = Prompts(
            self.pool,
            voices,
            rate_hz=16_000,
            scratch_dir=self.scratch,
            cache_dir=self.cache if has_cache else None,
            fence=FileFence(),
        )

    def make(self, prompt: Prompt) -> MadePrompt:
        """Return a prompt when it is ready."""
        made: list[MadePrompt] = []

        def ready(prompt: MadePrompt) -> None:
            made.append(prompt)
            self.loop.stop()

        self.prompts.prepare(prompt, ready)
        self.loop.run()
        return made[0]

    def wait_gone(self, path: Path) -> None:
        """Wait until a file is deleted."""
        deadline = time.monotonic() + 5
        while path.exists():
            assert time.monotonic() < deadline
            self.loop.call_later(0.005, self.loop.stop)
            self.loop.run()

    @property
    def cached(self) -> list[Path]:
        """Return what is in the cache."""
        return sorted(self.cache.iterdir())


HELLO = Message(text="hello", cache=True)


def test_what_is_cached_is_spoken_once_and_survives_its_release(tmp_path: Path) -> None:
    room = Room(tmp_path)

    room.make(HELLO).release()
    again = room.make(HELLO)

    assert room.speech.fetched == ["hello (nl)"]
    assert again.path in room.cached
    again.release()
    assert again.path.exists()


def test_another_voice_language_text_or_file_is_another_entry(tmp_path: Path) -> None:
    room, tone = Room(tmp_path), tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(440, 0.1, -10))
    file = AudioFile(path=str(tone), cache=True)
    prompts = [
        HELLO,
        Message(text="bye", cache=True),
        Message(text="hello", language="de", cache=True),
    ]
    for prompt in [*prompts, file]:
        room.make(prompt)
    room.speech.voice = "otto"
    room.make(HELLO)
    audio.write_wav(tone, audio.sine(880, 0.2, -10))
    room.make(file)

    assert len(room.cached) == 6
    for prompt in [*prompts[:1], file]:
        room.make(prompt)
    assert len(room.cached) == 6


def test_what_is_not_to_be_cached_is_made_anew_and_deleted_after_use(tmp_path: Path) -> None:
    room = Room(tmp_path)

    for _ in range(2):
        made = room.make(Message(text="hello"))
        made.release()
        room.wait_gone(made.path)

    assert room.speech.fetched == ["hello (nl)", "hello (nl)"]
    assert room.cached == []
    assert list(room.scratch.iterdir()) == []


def test_who_waits_for_the_same_prompt_shares_what_is_made_but_who_comes_later_does_not(
    tmp_path: Path,
) -> None:
    room, may_go_on, made = Room(tmp_path), threading.Event(), list[MadePrompt]()

    def ready(prompt: MadePrompt) -> None:
        made.append(prompt)
        room.loop.stop()

    for _ in range(2):  # both workers are busy
        room.pool.submit(lambda: may_go_on.wait(5), lambda _: None)
    given_up = room.prompts.prepare(Message(text="hello"), made.append)
    for text in ("hello", "bye", "hello"):
        room.prompts.prepare(Message(text=text), ready)
    given_up.cancel()
    may_go_on.set()
    while len(made) < 3:
        room.loop.run()

    assert sorted(room.speech.fetched) == ["bye (nl)", "hello (nl)"]
    first, second = (one for one in made if made.count(one) > 1)
    first.release()
    first.release()  # no more than once: the other one still plays it
    assert first.path.exists()
    second.release()
    room.wait_gone(first.path)
    second.release()
    room.make(Message(text="hello"))
    assert room.speech.fetched.count("hello (nl)") == 2


def test_each_who_shares_a_prompt_has_a_step_of_the_loop_and_one_that_fails_harms_no_other(
    tmp_path: Path,
) -> None:
    room, may_go_on, got = Room(tmp_path), threading.Event(), list[str]()

    def ready(name: str, made: MadePrompt) -> None:
        room.loop.post(lambda: got.append(f"after {name}"))
        made.release()
        got.append(name)
        if name == "second":
            raise RuntimeError(name)
        if name == "third":
            room.loop.post(room.loop.stop)

    for _ in range(2):  # both workers are busy
        room.pool.submit(lambda: may_go_on.wait(5), lambda _: None)
    for name in ("first", "second", "third"):
        room.prompts.prepare(Message(text="hello"), lambda made, name=name: ready(name, made))  # type: ignore[misc]
    may_go_on.set()
    room.loop.call_later(20, room.loop.stop)
    room.loop.run()

    assert [name for name in got if not name.startswith("after")] == ["first", "second", "third"]
    assert room.prompts._users == {}
    assert got.index("third") < got.index("after first"), "they follow each other"


def test_a_cache_that_cannot_be_written_costs_nobody_the_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(tmp_path)
    room.cache.rmdir()

    made = room.make(HELLO)

    assert not made.failed
    assert made.path.exists()
    assert "was not cached: [Errno 2] No such file or directory" in caplog.text


def test_without_a_cache_folder_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(tmp_path, has_cache=False)

    for _ in range(2):
        assert not room.make(HELLO).failed

    assert caplog.text.count("cache_dir is not set: nothing is cached") == 1


def test_a_prompt_that_cannot_be_made_is_the_error_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(tmp_path)
    room.speech.fails = True

    made = room.make(HELLO)
    made.release()

    assert (made.path, made.failed) == (ERROR_SOUND, True)
    assert ERROR_SOUND.exists()
    assert "The error sound is played instead: no engine" in caplog.text
    assert room.cached == []


# --- the local voice ------------------------------------------------------------------------


class Recorder:
    """Notes what the local voice is to say, and says it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._voice = LocalSpeech()

    def fetch(self, text: str, language: str, target: Path) -> None:
        self.said.append(f"{text} ({language})")
        self._voice.fetch(text, language, target)


def test_a_local_voice_speaks_when_home_assistant_cannot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voice = Recorder()
    room = Room(tmp_path, fallback=voice)
    room.speech.fails = True

    made = room.make(Message(text="There is a fire", language="en-GB", cache=True))

    assert not made.failed
    assert voice.said == ["There is a fire (en-GB)"]
    assert audio.level_dbfs(audio.read_wav(made.path)) > -40
    assert "A local voice speaks instead: no engine" in caplog.text
    assert room.cached == []  # the right voice is asked again next time


def test_a_template_that_cannot_be_rendered_is_spoken_without_its_code(tmp_path: Path) -> None:
    voice = Recorder()
    room = Room(tmp_path, fallback=voice)
    room.speech.fails = True

    room.make(Message(text="It is {{ states('x') }} {# c #} degrees", is_template=True))

    assert voice.said == ["It is degrees (nl)"]


@pytest.mark.parametrize("language", ["en", "de-DE", "pt_BR", "xx-YY", "--help", ""])
def test_the_local_voice_speaks_whatever_language_is_asked_for(
    tmp_path: Path, language: str
) -> None:
    LocalSpeech().fetch("-w hello", language, tmp_path / "out.wav")

    assert audio.level_dbfs(audio.read_wav(tmp_path / "out.wav")) > -40


def test_a_local_voice_that_is_not_there_is_the_error_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_speech, "PROGRAM", "espeak-not-there")
    room = Room(tmp_path, fallback=LocalSpeech())
    room.speech.fails = True

    assert room.make(HELLO).failed
    assert "espeak-not-there is not installed; install it, or set tts.fallback: none" in caplog.text
