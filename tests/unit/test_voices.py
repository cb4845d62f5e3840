"""The list of engines and voices, asked over a real websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import UnauthorizedError
from hasip.homeassistant.speech_check import LOOK_AGAIN_AFTER_S, SpeechCheck
from hasip.homeassistant.token_guard import TokenGuard
from hasip.homeassistant.voices import VoiceList
from hasip.loop import Loop
from hasip.secret import SecretStr
from hasip.settings.model import Tts
from support.failures import FAILURES
from support.fake_clock import FakeClock
from support.stand_in_websocket import StandInWebsocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasip.homeassistant.voices import SpeechOffer


@pytest.fixture
def home() -> Iterator[StandInWebsocket]:
    stand_in = StandInWebsocket(lambda token: token == "right")
    yield stand_in
    stand_in.close()


def voice_list(url: str, token: str = "right") -> VoiceList:
    return VoiceList(url, SecretStr(token), TokenGuard("HA_TOKEN"))


def offer(home: StandInWebsocket, **tts: str) -> SpeechOffer:
    wanted = Tts(**tts)  # type: ignore[arg-type]
    return voice_list(home.url).ask(wanted, wanted.language)


def test_engines_languages_and_voices_are_listed(home: StandInWebsocket) -> None:
    assert list(offer(home, engine_id="tts.espeak").lines()) == [
        "Speech engines: 2",
        "    tts.espeak: de, en",
        "    tts.cloud: no language",
        "Voices of tts.espeak in en: f1 (Anna)",
    ]


@pytest.mark.parametrize(
    ("tts", "said"),
    [
        (
            {"engine_id": "tts.none"},
            FAILURES["check-engine"].log,
        ),
        ({}, "No speech engine is set (engine_id); there are: tts.espeak, tts.cloud"),
        (
            {"engine_id": "tts.espeak", "language": "fr"},
            FAILURES["check-language"].log,
        ),
        (
            {"engine_id": "tts.espeak", "voice": "otto"},
            FAILURES["check-voice"].log,
        ),
        ({"engine_id": "tts.espeak", "voice": "f1"}, None),
        ({"platform": "tts.espeak"}, None),
    ],
)
def test_what_does_not_fit_is_said_with_what_there_is(
    home: StandInWebsocket, tts: dict[str, str], said: str | None
) -> None:
    assert offer(home, **tts).problem() == said


def test_a_refused_token_an_absent_server_and_an_unknown_question_are_errors(
    home: StandInWebsocket,
) -> None:
    with pytest.raises(UnauthorizedError, match=r"refused the token \(401\); check HA_TOKEN"):
        voice_list(home.url, "wrong").ask(Tts(), "en")
    with pytest.raises(HomeAssistantError, match=r"websocket ws://127\.0\.0\.1:1: "):
        voice_list("ws://127.0.0.1:1").ask(Tts(), "en")
    del home.results["tts/engine/list"]
    with pytest.raises(HomeAssistantError, match="tts/engine/list failed: unknown"):
        offer(home)


@pytest.mark.parametrize("raw", ["{", "[]", "7", "x" * 5_000_000])
def test_what_is_no_answer_is_an_error(home: StandInWebsocket, raw: str) -> None:
    home.raw_answer = raw
    with pytest.raises(HomeAssistantError, match=r"websocket ws://.*: "):
        offer(home)


@pytest.mark.parametrize("result", [{"providers": 7}, {"providers": [7, {}]}, [], "x"])
def test_lists_of_wrong_types_are_empty(home: StandInWebsocket, result: Any) -> None:
    home.results["tts/engine/list"] = result
    assert "there are: " in (offer(home, engine_id="tts.x").problem() or "")


class Room:
    """A check with a real worker and websocket, and a clock to move."""

    def __init__(self, home: StandInWebsocket, tts: Tts) -> None:
        self.home = home
        self.clock = FakeClock()
        self.loop = Loop(self.clock)
        self.check = SpeechCheck(self.loop, voice_list(home.url), tts)

    def settle(self) -> None:
        """Run the loop until nothing is being asked."""

        def look() -> None:
            if self.check._is_asking:
                self.loop.post(look)
            else:
                self.loop.stop()

        self.loop.post(look)
        self.loop.run()


def test_the_settings_are_looked_at_once_and_again_when_speech_fails(
    home: StandInWebsocket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def said() -> list[str]:
        return [item.message for item in caplog.records if item.name.startswith("hasip.")]

    room = Room(home, Tts(engine_id="tts.espeak"))
    for _ in range(3):
        room.check.home_is_there()
        room.settle()
    assert said() == ["The engine tts.espeak speaks en"]
    room.check.speech_fails("fr")
    room.settle()
    assert len(said()) == 1  # it was looked at just now
    room.clock.advance(LOOK_AGAIN_AFTER_S)
    room.check.speech_fails("fr")
    room.settle()

    assert said()[1:] == ["The engine tts.espeak does not speak fr; it speaks: de, en"]


def test_what_could_not_be_asked_is_asked_when_home_assistant_is_back(
    home: StandInWebsocket, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(home, Tts(engine_id="tts.none"))
    home.raw_answer = "{"
    room.check.home_is_there()
    room.settle()
    assert FAILURES["check-failed"].is_in(caplog.text)
    home.raw_answer = None
    room.check.home_is_there()
    room.settle()

    assert "There is no speech engine tts.none; there are: tts.espeak, tts.cloud" in caplog.text


def test_without_a_speech_engine_nothing_is_asked(home: StandInWebsocket) -> None:
    room = Room(home, Tts())
    room.check.home_is_there()
    room.settle()

    assert home.asked == []


def test_an_answer_that_is_nested_too_deeply_is_an_error(home: StandInWebsocket) -> None:
    home.raw_answer = "[" * 100_000
    with pytest.raises(HomeAssistantError, match="recursion depth"):
        offer(home, engine_id="tts.espeak")
