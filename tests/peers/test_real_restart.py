"""A real Home Assistant that is killed, restarted, or moved to TLS while people telephone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.certificates import self_signed
from support.gateway import GatewayProcess
from support.phone import Phone
from support.real_home_assistant import (
    CURRENT,
    RELEASES,
    Furniture,
    RealHomeAssistant,
    Release,
    require,
)
from support.speech import spoken
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Every digit is an event, and no menu is left.
MENU = {
    "menu": {
        "id": "main",
        "timeout": 300,
        "choices_are_pin": True,
        "choices": {"9" * 40: {"message": "nobody gets here"}},
    }
}
BACK_WITHIN_S = 40.0
waiting = Together(at_once=3)


@pytest.fixture(scope="module", autouse=True)
def releases() -> None:
    """Install them, which may take minutes."""
    for release in RELEASES:
        require(release)


@contextlib.contextmanager
def own_house(tmp_path: Path, release: Release) -> Iterator[RealHomeAssistant]:
    """Run a Home Assistant that only one test uses."""
    folder = tmp_path / "house"
    folder.mkdir()
    with RealHomeAssistant(folder, release) as house:
        yield house


both_releases = pytest.mark.parametrize(
    "release", RELEASES, ids=lambda release: f"{release.version}"
)


def journal_of(house: RealHomeAssistant, number: str) -> list[str]:
    """Return what came of one phone: the digits, and the names of all other events."""
    return [
        event.get("digit") or event["event"]
        for event in house.journal()
        if event["parsed_remote_uri"] == number
    ]


@both_releases
@waiting
def test_home_assistant_is_killed_in_mid_call(tmp_path: Path, release: Release) -> None:
    """The call goes on; every event arrives afterwards, once and in order."""
    with (
        own_house(tmp_path, release) as house,
        GatewayProcess(tmp_path, menu_file=MENU, **house.settings) as gateway,
        Phone("first") as first,
        Phone("second") as second,
    ):
        call = first.call(gateway.uri).wait_answered()
        call.type_digits("1")
        house.wait_event("dtmf_digit", digit="1")

        house.kill()
        call.type_digits("2345")
        wait_until(lambda: digits_in_log(gateway) == 5, "five digits in the log")
        second.call(gateway.uri).wait_answered().hang_up()
        house.start()
        call.type_digits("6")
        wait_until(lambda: digits_in_log(gateway) == 6, "six digits in the log")
        call.hang_up()
        house.wait_event("call_disconnected", BACK_WITHIN_S, parsed_remote_uri="first")

        begin = ["incoming_call", "call_established", "entered_menu"]
        assert journal_of(house, "first") == [*begin, *"123456", "call_disconnected"]
        others = journal_of(house, "second")
        assert [others[0], others[-1]] == ["incoming_call", "call_disconnected"]
        assert len(set(others)) == len(others)


def digits_in_log(gateway: GatewayProcess) -> int:
    """Return how many digits counted so far."""
    return sum("dtmf_digit: " in line for line in gateway.own_lines)


@both_releases
@waiting
def test_home_assistant_is_restarted_while_digits_are_typed(
    tmp_path: Path, release: Release
) -> None:
    """Whatever the moment at which an event meets a house that shuts down or starts up."""
    typed = "12345678" * 3
    with (
        own_house(tmp_path, release) as house,
        GatewayProcess(tmp_path, menu_file=MENU, **house.settings) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("entered_menu")
        call.type_digits(typed)
        house.stop()
        house.start()
        wait_until(lambda: digits_in_log(gateway) == len(typed), "all digits in the log", 30)
        call.hang_up()
        house.wait_event("call_disconnected", BACK_WITHIN_S)

        begin = ["incoming_call", "call_established", "entered_menu"]
        assert journal_of(house, "p") == [*begin, *typed, "call_disconnected"]


@waiting
def test_home_assistant_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    """With `HA_CA_FILE` everything works; without it the reason is said and nothing is sent."""
    folder = tmp_path / "house"
    folder.mkdir()
    certificate = self_signed(tmp_path)
    menu = {"menu": {"id": "main", "message": "Hello by TLS"}}
    furniture = Furniture(certificate=certificate)
    with (
        RealHomeAssistant(folder, require(CURRENT), furniture) as house,
        Phone("p") as phone,
    ):
        settings = {**house.settings, "TTS_DEBUG_PRINT": "true", "TTS_FALLBACK": "none"}
        with GatewayProcess(tmp_path, menu_file=menu, **settings) as gateway:
            phone.call(gateway.uri).wait_answered()
            gateway.wait_log("self-signed certificate")
            gateway.wait_log("error sound")
        assert house.journal() == []

        settings["HA_CA_FILE"] = str(certificate)
        with GatewayProcess(tmp_path, menu_file=menu, **settings) as gateway:
            gateway.wait_log("Voices of tts.espeak in en")
            call = phone.call(gateway.uri).wait_answered()
            house.wait_event("playback_done")
            assert audio.likeness(call.stream.samples, spoken(tmp_path, "Hello by TLS")) > 0.8
