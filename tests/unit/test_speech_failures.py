"""Whatever goes wrong with speech: one line says it, and the caller hears a voice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hasip.audio import local_speech
from hasip.audio.fence import FileFence
from hasip.audio.local_speech import LocalSpeech
from hasip.audio.prompts import ERROR_SOUND, MadePrompt, Prompts, Voices
from hasip.calls.prompt import Message
from hasip.homeassistant import speech
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.errors import TimedOutError
from hasip.homeassistant.impatient import MOST_HANGING, Impatient
from hasip.homeassistant.speech import DEADLINE_S, SHORT_DEADLINE_S, Patience, Speech
from hasip.loop import Loop
from hasip.secret import SecretStr
from hasip.settings.model import Tts
from hasip.workers import WorkerPool
from support import audio
from support.bad_manners import Manner
from support.failures import FAILURES
from support.fake_clock import FakeClock
from support.home_assistant import TOKEN, StandInHomeAssistant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEXT = "There is a fire in the house"


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as stand_in:
        yield stand_in


class Room:
    """Prompts with Home Assistant's voice and a local one, and a cache."""

    def __init__(self, house: StandInHomeAssistant, folder: Path, *, fallback: bool = True) -> None:
        self.loop = Loop()
        self.cache = folder / "cache"
        self.cache.mkdir()
        scratch = folder / "scratch"
        scratch.mkdir()
        self.failed_in: list[str] = []
        client = HomeAssistantClient(house.base_url, SecretStr(TOKEN))
        voices = Voices(
            speech=Speech(client, Tts(engine_id="tts.espeak"), self.failed_in.append),
            fallback=LocalSpeech() if fallback else None,
            language="en",
        )
        pool = WorkerPool("prompts", self.loop, threads=1, waiting=1)
        self.prompts = Prompts(
            pool,
            voices,
            rate_hz=16_000,
            scratch_dir=scratch,
            cache_dir=self.cache,
            fence=FileFence(),
        )

    def say(self, text: str = TEXT, *, is_template: bool = False) -> MadePrompt:
        """Return a message when it is ready."""
        made: list[MadePrompt] = []

        def ready(prompt: MadePrompt) -> None:
            made.append(prompt)
            self.loop.stop()

        message = Message(text=text, is_template=is_template, cache=True)
        self.prompts.prepare(message, ready)
        self.loop.run()
        return made[0]


def spoken(house: StandInHomeAssistant, made: MadePrompt, text: str = TEXT) -> bool:
    """Tell whether the prompt is this text: both voices are espeak-ng here."""
    return audio.likeness(audio.read_wav(made.path), audio.read_wav(house.speak(text))) > 0.8


def manner(path: str, how: Manner) -> Callable[[StandInHomeAssistant], None]:
    return lambda house: house.manners.update({path: how})


def status(path: str, code: int) -> Callable[[StandInHomeAssistant], None]:
    return lambda house: house.statuses.update({path: code})


CASES: dict[str, Callable[[StandInHomeAssistant], None]] = {
    "speech-unknown": status("tts_get_url", 500),
    "speech-engine-fails": status("tts_proxy/", 500),
    "speech-no-audio-there": status("tts_proxy/", 404),
    "speech-audio-refused": status("tts_proxy/", 401),
    "speech-empty": manner("tts_proxy/", Manner.EMPTY),
    "speech-cut": manner("tts_proxy/", Manner.CUT_CHUNKS),
    "speech-page": manner("tts_proxy/", Manner.PAGE),
    "speech-garbage": manner("tts_proxy/", Manner.PAGE_AS_AUDIO),
    "speech-no-json": manner("tts_get_url", Manner.NOT_JSON),
    "speech-reset": manner("tts_get_url", Manner.RESET),
    "speech-slow": lambda house: house.delays_s.update({"tts_proxy/": 30}),
    "speech-drips": manner("tts_get_url", Manner.DRIP),
    "speech-away": lambda house: house.go_away(),
    "speech-token": lambda house: setattr(house, "token", "another"),
}
ENDED_BY_THE_DEADLINE = ("speech-slow", "speech-drips")


@pytest.mark.parametrize("case", CASES)
def test_what_goes_wrong_is_said_and_the_local_voice_speaks(
    house: StandInHomeAssistant,
    tmp_path: Path,
    case: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The others fail at once; a busy machine may take long for that.
    monkeypatch.setattr(speech, "DEADLINE_S", 0.5 if case in ENDED_BY_THE_DEADLINE else 20)
    room, failure = Room(house, tmp_path), FAILURES[case]
    CASES[case](house)
    started = time.monotonic()
    made = room.say()

    assert time.monotonic() - started < 10  # the slow one takes 30 s
    assert failure.is_in(caplog.text), caplog.text
    assert failure.hears == "the local voice"
    assert spoken(house, made)
    assert not made.failed
    assert list(room.cache.iterdir()) == []  # the right voice is asked again next time
    assert room.failed_in == ([] if case == "speech-garbage" else ["en"])


@pytest.mark.parametrize("case", ["speech-path", "speech-url"])
def test_either_address_of_the_audio_will_do(
    house: StandInHomeAssistant, tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    house.url_is_reachable = case == "speech-url"
    house.path_is_right = case == "speech-path"
    made = Room(house, tmp_path).say()

    assert FAILURES[case].hears == "Home Assistant's voice"
    assert spoken(house, made)
    assert caplog.text == FAILURES[case].log == ""


def test_a_template_that_cannot_be_rendered(
    house: StandInHomeAssistant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house.statuses["template"] = 400
    room = Room(house, tmp_path)
    made = room.say("There is a fire {{ states('x') }} in the house", is_template=True)
    assert spoken(house, made)
    assert FAILURES["template-wrong"].is_in(caplog.text)
    assert FAILURES["template-wrong"].hears == "the local voice"

    made = room.say("{{ states('x') }}", is_template=True)
    assert made.path == ERROR_SOUND
    assert FAILURES["template-nothing-left"].is_in(caplog.text)
    assert FAILURES["template-nothing-left"].hears == "the error sound"


def test_a_rendered_template_is_kept_by_what_it_said(
    house: StandInHomeAssistant, tmp_path: Path
) -> None:
    room = Room(house, tmp_path)
    for _ in range(2):
        assert spoken(house, room.say("{{ 1 + 1 }}", is_template=True), "2")
    assert len(list(room.cache.iterdir())) == 1
    house.rendered = "three"

    assert spoken(house, room.say("{{ 1 + 1 }}", is_template=True), "three")
    house.statuses["tts_get_url"] = 500  # what it says now is spoken, not what was kept
    house.rendered = "four"
    assert spoken(house, room.say("{{ 1 + 1 }}", is_template=True), "four")


def test_without_a_local_voice_it_is_the_error_sound(
    house: StandInHomeAssistant,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house.statuses["tts_get_url"] = 500
    for case in ("speech-no-fallback", "speech-no-espeak"):
        folder = tmp_path / case
        folder.mkdir()
        monkeypatch.setattr(local_speech, "PROGRAM", "espeak-not-there")
        made = Room(house, folder, fallback=case == "speech-no-espeak").say()

        assert FAILURES[case].is_in(caplog.text)
        assert FAILURES[case].hears == "the error sound"
        assert made.path == ERROR_SOUND


# --- how long the caller waits --------------------------------------------------------------


def test_after_one_waited_in_vain_the_next_wait_shortly_for_a_while() -> None:
    clock = FakeClock()
    patience = Patience(clock.now)
    patience.failed(0.1)  # at once: it costs nobody time
    assert patience.deadline_s() == DEADLINE_S
    patience.failed(DEADLINE_S)
    assert patience.deadline_s() == SHORT_DEADLINE_S
    clock.advance(60)
    patience.failed(SHORT_DEADLINE_S + 0.1)  # a slow engine is given its time again some day
    clock.advance(59)
    assert patience.deadline_s() == SHORT_DEADLINE_S
    clock.advance(2)
    assert patience.deadline_s() == DEADLINE_S
    patience.failed(DEADLINE_S)
    patience.worked()
    assert patience.deadline_s() == DEADLINE_S


def test_a_second_caller_hears_the_local_voice_sooner(
    house: StandInHomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it waits is what counts; how long the machine takes for the rest does not."""
    monkeypatch.setattr(speech, "DEADLINE_S", 0.6)
    monkeypatch.setattr(speech, "SHORT_DEADLINE_S", 0.2)
    waits_s: list[float] = []
    run = Impatient.run

    def noting(self: Impatient, job: Callable[[], str], wait_s: float, doing: str) -> str:
        waits_s.append(wait_s)
        return run(self, job, wait_s, doing)

    monkeypatch.setattr(Impatient, "run", noting)
    house.manners["tts_get_url"] = Manner.DRIP
    room = Room(house, tmp_path)
    for _ in range(2):
        assert spoken(house, room.say())

    assert waits_s == [0.6, 0.2]
    assert room.failed_in == ["en"]  # since it works again it would be told again
    for deadline in ("DEADLINE_S", "SHORT_DEADLINE_S"):
        monkeypatch.setattr(speech, deadline, 15.0)
    house.manners.clear()
    room.say()
    house.statuses["tts_get_url"] = 500
    room.say("Something else")
    assert room.failed_in == ["en", "en"]


def test_not_more_than_a_few_requests_hang_at_once() -> None:
    impatient, clock = Impatient("test"), time.monotonic()
    for _ in range(MOST_HANGING):
        with pytest.raises(TimedOutError, match=r"x: nothing came within 0 s"):
            impatient.run(lambda: time.sleep(5), 0.01, "x")
    with pytest.raises(TimedOutError, match="8 earlier requests have not come back yet"):
        impatient.run(lambda: None, 5, "x")
    assert time.monotonic() - clock < 3
