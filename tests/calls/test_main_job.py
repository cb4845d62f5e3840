"""The main job: a caller types a code and Home Assistant acts; the gateway calls and speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIN_MENU = {
    "menu": {
        "id": "main",
        "message": "Please enter your access code",
        "choices_are_pin": True,
        "choices": {
            "1234": {
                "id": "owner",
                "message": "Welcome beautiful.",
                "action": {
                    "domain": "switch",
                    "service": "turn_on",
                    "entity_id": "switch.open_front_door",
                },
                "post_action": "hangup",
            },
            "default": {
                "id": "wrong_code",
                "message": "Wrong code, please try again",
                "post_action": "return",
            },
        },
    }
}


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as home_assistant:
        yield home_assistant


def heard_like(call_samples: list[int], house: StandInHomeAssistant, text: str) -> float:
    return audio.likeness(call_samples, audio.read_wav(house.speak(text)))


def test_a_caller_types_a_wrong_code_then_the_right_one_and_the_door_opens(
    house: StandInHomeAssistant, tmp_path: Path
) -> None:
    """Greeting, wrong code, retyped code, service call, hang-up: with audio heard for real."""
    with (
        GatewayProcess(tmp_path, house=house, menu_file=PIN_MENU) as gateway,
        Phone("bell") as bell,
    ):
        call = bell.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.wait_quiet()
        assert heard_like(call.stream.samples, house, "Please enter your access code") > 0.8

        since = len(call.stream.samples)
        call.type_digits("9999")
        call.wait_sound(since=since)
        call.wait_quiet(since=since + audio.RATE_HZ)
        heard = call.stream.samples[since:]
        assert heard_like(heard, house, "Wrong code, please try again") > 0.8
        assert house.services == []

        call.type_digits("1234")
        body = house.wait_service("switch/turn_on")
        call.wait_ended()
        house.wait_event("call_disconnected")

        assert body == {"entity_id": "switch.open_front_door"}
        assert call.ended_by_peer
        told = [name for name in house.event_names if name != "playback_done"]
        assert told == [
            "incoming_call",
            "call_established",
            "entered_menu",
            *["dtmf_digit"] * 4,
            "pin_failed",
            "entered_menu",
            "entered_menu",
            *["dtmf_digit"] * 4,
            "entered_menu",
            "call_disconnected",
        ]
        menus = [event["menu_id"] for event in house.events if event["event"] == "entered_menu"]
        assert menus == ["main", "wrong_code", "main", "owner"]
        assert not any("1234" in line for line in gateway.own_lines)


def test_the_gateway_calls_the_phone_speaks_and_hangs_up(
    house: StandInHomeAssistant, tmp_path: Path
) -> None:
    """The speech is asked for while it rings, and heard after the answer."""
    with (
        GatewayProcess(tmp_path, house=house) as gateway,
        Phone("flat", answer_after_s=1.0) as flat,
    ):
        gateway.command(
            {
                "command": "dial",
                "number": flat.uri,
                "request_id": "r1",
                "menu": {"message": "There's a burglar in da house.", "post_action": "hangup"},
            }
        )
        call = flat.wait_call()
        call.wait_ended(20)
        ended = house.wait_event("call_disconnected")

        assert heard_like(call.stream.samples, house, "There's a burglar in da house.") > 0.8
        names = [item.path.partition("/")[0] for item in house.requests]
        established = house.event_names.index("call_established")
        assert (
            names.index("tts_get_url")
            < [number for number, name in enumerate(names) if name == "webhook"][established]
        )
        assert ended["hangup_by"] == "local"
        assert ended["sip_code"] == 200
        assert ended["duration"] > 1
        assert house.events[0]["request_id"] == "r1"
