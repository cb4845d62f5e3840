"""A real Home Assistant, one older and one current, as it is used day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import audio
from support.gateway import GatewayProcess
from support.phone import Phone
from support.speech import spoken

if TYPE_CHECKING:
    from pathlib import Path

    from support.real_home_assistant import RealHomeAssistant

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
                    "domain": "input_boolean",
                    "service": "turn_on",
                    "entity_id": "input_boolean.door",
                },
                "post_action": "hangup",
            },
        },
    }
}


def test_a_caller_types_the_code_and_a_real_switch_is_on(
    tmp_path: Path, house: RealHomeAssistant
) -> None:
    """Its own speech is heard, and all events are there, once and in order."""
    settings = {**house.settings, "TTS_FALLBACK": "none"}
    with (
        GatewayProcess(tmp_path, menu_file=PIN_MENU, **settings) as gateway,
        Phone("bell") as bell,
    ):
        call = bell.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.wait_quiet()
        expected = spoken(tmp_path, "Please enter your access code")
        assert audio.likeness(call.stream.samples, expected) > 0.8

        since = len(call.stream.samples)
        call.type_digits("1234")
        house.api.wait_state("input_boolean.door", "on")
        call.wait_ended()
        heard = call.stream.samples[since:]
        assert audio.likeness(heard, spoken(tmp_path, "Welcome beautiful.")) > 0.8
        house.wait_event("call_disconnected")

        assert [(event["event"], event.get("digit")) for event in house.journal()] == [
            ("incoming_call", None),
            ("call_established", None),
            ("entered_menu", None),
            ("playback_done", None),
            *[("dtmf_digit", digit) for digit in "1234"],
            ("entered_menu", None),
            ("playback_done", None),
            ("call_disconnected", None),
        ]
