"""A real Home Assistant, one older and one current, as it is used day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hasip.audio.prompts import ERROR_SOUND
from support import audio
from support.gateway import GatewayProcess
from support.phone import Phone
from support.speech import spoken

if TYPE_CHECKING:
    from pathlib import Path

    from support.mosquitto import Mosquitto
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

HELLO = {"menu": {"message": "Hello there"}}


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


@pytest.mark.parametrize(
    ("settings", "voice"),
    [
        ({"TTS_LANGUAGE": "de", "TTS_VOICE": "de+f2"}, "de+f2"),
        ({"TTS_ENGINE_ID": "tts.wyoming_espeak"}, "en"),
    ],
    ids=["voice", "wyoming"],
)
def test_speech_sounds_as_its_engine_makes_it(
    tmp_path: Path, house: RealHomeAssistant, settings: dict[str, str], voice: str
) -> None:
    text = "The water in the cellar rises"
    with GatewayProcess(tmp_path, **{**house.settings, **settings}) as gateway, Phone("p") as phone:
        expected = spoken(tmp_path, text, voice)
        menu = {"message": text, "post_action": "hangup"}
        gateway.command({"command": "dial", "number": phone.uri, "menu": menu})
        call = phone.wait_call().wait_answered()
        call.wait_ended()

        assert audio.likeness(call.stream.samples, expected) > 0.9
        assert "instead" not in "\n".join(gateway.own_lines)


def test_an_automation_answers_by_mqtt(
    tmp_path: Path, house: RealHomeAssistant, open_broker: Mosquitto
) -> None:
    """As in the stand-alone mode: `incoming_call` starts it, `mqtt.publish` carries its answer."""
    payload = (
        '{"command": "answer", "number": {{ trigger.json.internal_id | tojson }}, '
        '"menu": {"message": "Hello {{ trigger.json.parsed_caller }}", "post_action": "hangup"}}'
    )
    house.api.add_automation(
        "answer_by_mqtt",
        {
            "trigger": [{"platform": "webhook", "webhook_id": "it_rings", "local_only": True}],
            "condition": [
                {
                    "condition": "template",
                    "value_template": "{{ trigger.json.event == 'incoming_call' }}",
                }
            ],
            "action": [
                {
                    "service": "mqtt.publish",
                    "data": {"topic": "hasip/execute", "payload": payload},
                }
            ],
        },
    )
    settings = {
        **house.settings,
        "HA_WEBHOOK_ID": "it_rings",
        "SIP1_ANSWER_MODE": "listen",
        "COMMAND_SOURCE": "mqtt",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(open_broker.port),
    }
    with GatewayProcess(tmp_path, **settings) as gateway, Phone("grandmother") as phone:
        gateway.wait_log("MQTT: connected")
        call = phone.call(gateway.uri).wait_answered()
        call.wait_ended()

        heard = audio.likeness(call.stream.samples, spoken(tmp_path, "Hello grandmother"))
        assert heard > 0.8


def test_a_template_is_rendered_before_it_is_spoken(
    tmp_path: Path, house: RealHomeAssistant
) -> None:
    house.api.call("input_boolean.turn_on", entity_id="input_boolean.door")
    message = "The front door is {{ states('sensor.door_text') }} now"
    play = {"command": "play_message", "handle_as_template": True, "post_action": "hangup"}
    with GatewayProcess(tmp_path, menu_file={}, **house.settings) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        gateway.command({**play, "number": "p", "message": message})
        call.wait_ended()
        expected = spoken(tmp_path, "The front door is open now")
        assert audio.likeness(call.stream.samples, expected) > 0.9


def test_a_template_that_is_wrong_is_the_error_sound_and_a_line_in_the_log(
    tmp_path: Path, house: RealHomeAssistant
) -> None:
    play = {"command": "play_message", "handle_as_template": True, "post_action": "hangup"}
    settings = {**house.settings, "TTS_FALLBACK": "none"}
    with GatewayProcess(tmp_path, menu_file={}, **settings) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        gateway.command({**play, "number": "p", "message": "It is {{ nothing_like_it() }}"})
        call.wait_ended()

        assert audio.likeness(call.stream.samples, audio.read_wav(ERROR_SOUND)) > 0.8
        assert "nothing_like_it" in gateway.wait_log("the template was not rendered")


def test_an_engine_that_fails_is_named_and_a_local_voice_speaks(
    tmp_path: Path, house: RealHomeAssistant
) -> None:
    """Home Assistant promises the audio, and has none when it is fetched."""
    menu = {"message": "BROKEN pipe in the cellar", "post_action": "hangup"}
    with GatewayProcess(tmp_path, **house.settings) as gateway, Phone("p") as phone:
        gateway.command({"command": "dial", "number": phone.uri, "menu": menu})
        call = phone.wait_call().wait_answered()
        call.wait_ended()

        expected = spoken(tmp_path, "BROKEN pipe in the cellar")
        assert audio.likeness(call.stream.samples, expected) > 0.8
        line = gateway.wait_log("A local voice speaks instead")
        assert "no speech from engine tts.espeak, language en" in line


def test_actions_with_and_without_data_run_once(tmp_path: Path, house: RealHomeAssistant) -> None:
    with GatewayProcess(tmp_path, **house.settings) as gateway:
        gateway.command({"domain": "script", "service": "ring"})
        house.wait_event("script_ran")
        gateway.command(
            {
                "command": "call_service",
                "domain": "input_number",
                "service": "set_value",
                "entity_id": "input_number.volume",
                "service_data": {"value": 42},
            }
        )
        house.api.wait_state("input_number.volume", "42.0")

        assert [event["event"] for event in house.journal()] == ["script_ran"]


@pytest.mark.parametrize(
    "action",
    [
        {"domain": "lock", "service": "no_such_action"},
        {
            "domain": "input_number",
            "service": "set_value",
            "entity_id": "input_number.volume",
            "service_data": {"value": "loud"},
        },
    ],
    ids=["unknown", "bad_data"],
)
def test_an_action_that_home_assistant_refuses_is_heard_and_told(
    tmp_path: Path, house: RealHomeAssistant, action: dict[str, Any]
) -> None:
    choice = {"message": "It is done", "action": action, "post_action": "hangup"}
    menu = {"menu": {"choices": {"5": choice}}}
    with GatewayProcess(tmp_path, menu_file=menu, **house.settings) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.type_digits("5")
        call.wait_ended()
        failed = house.wait_event("service_failed")

        assert audio.likeness(call.stream.samples, audio.read_wav(ERROR_SOUND)) > 0.8
        assert (failed["domain"], failed["service"]) == (action["domain"], action["service"])
        assert "400" in failed["error"]


def test_sensors_are_seen_in_home_assistant(tmp_path: Path, house: RealHomeAssistant) -> None:
    settings = {**house.settings, "SENSOR_ENABLED": "true", "SENSOR_ENTITY_PREFIX": "front-door"}
    with GatewayProcess(tmp_path, menu_file={}, **settings) as gateway, Phone("p") as phone:
        house.api.wait_state("sensor.front_door_account_1", "false")
        house.api.wait_state("sensor.front_door_registration_1", "unknown")
        call = phone.call(gateway.uri).wait_answered()
        active = house.api.wait_state("sensor.front_door_account_1", "true")
        assert active["attributes"]["parsed_remote_uri"] == "p"
        call.hang_up()
        house.api.wait_state("sensor.front_door_account_1", "false")
        last = house.api.wait_state("sensor.front_door_last_call_1", "incoming")
        assert last["attributes"]["parsed_remote_uri"] == "p"


def test_a_token_that_is_refused_is_said_once(tmp_path: Path, house: RealHomeAssistant) -> None:
    """Home Assistant itself is not flooded: it counts failed logins, and may ban an address."""
    settings = {**house.settings, "HA_TOKEN": "wrong-secret", "SENSOR_ENABLED": "true"}
    before = house.log.read_text(encoding="utf-8").count("invalid authentication")
    with (
        GatewayProcess(tmp_path, menu_file=HELLO, **settings) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        call.wait_sound()  # a local voice
        call.hang_up()
        house.wait_event("call_disconnected")  # webhooks want no token

        said = [line for line in gateway.own_lines if "ERROR" in line]
        assert len(said) == 1
        assert "Home Assistant refused the token (401); check HA_TOKEN" in said[0]
        assert "wrong-secret" not in "\n".join(gateway.lines)
    after = house.log.read_text(encoding="utf-8").count("invalid authentication")
    print(f"failed logins that Home Assistant saw: {after - before}")
    # Four parts may begin at the same time: webhooks, speech, sensors, and the list of voices.
    assert 1 <= after - before <= 4


def test_engines_languages_and_voices_are_printed(tmp_path: Path, house: RealHomeAssistant) -> None:
    settings = {**house.settings, "TTS_DEBUG_PRINT": "true", "TTS_LANGUAGE": "de"}
    with GatewayProcess(tmp_path, **settings) as gateway:
        gateway.wait_log("Speech engines: 2")
        gateway.wait_log("tts.espeak: de, en")
        gateway.wait_log("tts.wyoming_espeak: ")
        gateway.wait_log("Voices of tts.espeak in de: de+m3 (male 3), de+f2 (female 2)")


def test_a_wrong_engine_language_or_voice_is_named_with_those_there_are(
    tmp_path: Path, house: RealHomeAssistant
) -> None:
    for settings, expected in (
        ({"TTS_ENGINE_ID": "tts.nobody"}, "tts.espeak, tts.wyoming_espeak"),
        ({"TTS_LANGUAGE": "fr"}, "de, en"),
        ({"TTS_VOICE": "zephyr"}, "en+m3"),
    ):
        [wrong] = settings.values()
        with GatewayProcess(tmp_path, **{**house.settings, **settings}) as gateway:
            assert wrong in gateway.wait_log(expected)
