"""The gateway as an app (formerly add-on) of a real Home Assistant, behind a Supervisor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.app_gateway import AppGateway
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.real_home_assistant import OLDER
from support.speech import spoken
from support.supervisor import APP, APP_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.real_home_assistant import RealHomeAssistant
    from support.supervisor import StandInSupervisor

LISTEN = {"sip": {"answer_mode": "listen"}}


@pytest.fixture
def app(tmp_path: Path, supervisor: StandInSupervisor) -> Iterator[AppGateway]:
    """Return a running app."""
    with AppGateway(tmp_path, supervisor) as gateway:
        supervisor.gateway = gateway
        yield gateway


def actions_of(house: RealHomeAssistant) -> list[tuple[str, str]]:
    """Return the actions that write to an app's stdin, and their field for the app's name."""
    [services] = [one["services"] for one in house.api.get("services") if one["domain"] == "hassio"]
    known = [("addon_stdin", "addon"), ("app_stdin", "app")]
    return [(f"hassio.{name}", key) for name, key in known if name in services]


def test_every_action_and_both_kinds_of_input_reach_the_app(
    house: RealHomeAssistant, supervisor: StandInSupervisor, app: AppGateway
) -> None:
    """A mapping and a string in quotes; by `addon_stdin`, and `app_stdin` where there is one."""
    actions = actions_of(house)
    newer = [] if house.release is OLDER else [("hassio.app_stdin", "app")]
    assert actions == [("hassio.addon_stdin", "addon"), *newer]
    with Phone("p") as phone:
        for service, key in actions:
            name = {key: APP}
            dial = {"command": "dial", "number": phone.uri, "menu": {"message": "Hello"}}
            house.api.call(service, **name, input=dial)
            call = phone.wait_call().wait_answered()
            hang_up = json.dumps({"command": "hangup", "number": phone.uri})
            house.api.call(service, **name, input=hang_up)
            call.wait_ended()
            disconnected = house.wait_event("call_disconnected")
            assert disconnected["hangup_by"] == "local"
            house.clear()

    written = [json.loads(line) for line in supervisor.lines]
    assert [type(one) for one in written] == [dict, str] * len(actions)
    assert {(one.path, one.status) for one in supervisor.passed if "webhook" in one.path} == {
        ("/core/api/webhook/all_events", 200)
    }
    assert APP_TOKEN not in "\n".join(app.lines)


def test_an_automation_answers_a_call_and_says_who_calls(
    tmp_path: Path, house: RealHomeAssistant, supervisor: StandInSupervisor
) -> None:
    """`incoming_call` starts it, `addon_stdin` carries its answer, Home Assistant speaks."""
    answer = {
        "command": "answer",
        "number": "{{ trigger.json.internal_id }}",
        "menu": {"message": "Hello {{ trigger.json.parsed_caller }}", "post_action": "hangup"},
    }
    house.api.add_automation(
        "answer_in_the_app",
        webhook_automation(
            "app_rings", {"service": "hassio.addon_stdin", "data": {"addon": APP, "input": answer}}
        ),
    )
    sections: dict[str, Any] = {**LISTEN, "webhook": {"id": "app_rings"}}
    with (
        AppGateway(tmp_path, supervisor, **sections) as gateway,
        Phone("grandmother") as phone,
    ):
        supervisor.gateway = gateway
        call = phone.call(gateway.uri).wait_answered()
        call.wait_ended()

        heard = audio.likeness(call.stream.samples, spoken(tmp_path, "Hello grandmother"))
        assert heard > 0.8
        assert "A local voice" not in "\n".join(gateway.own_lines)


def webhook_automation(webhook_id: str, action: dict[str, Any]) -> dict[str, Any]:
    """Return an automation that does something when a call comes in."""
    return {
        "trigger": [{"platform": "webhook", "webhook_id": webhook_id, "local_only": True}],
        "condition": [
            {
                "condition": "template",
                "value_template": "{{ trigger.json.event == 'incoming_call' }}",
            }
        ],
        "action": [action],
    }


def test_engines_and_voices_are_listed_through_the_supervisor(
    tmp_path: Path, supervisor: StandInSupervisor
) -> None:
    with AppGateway(tmp_path, supervisor, tts={"debug_print": True}) as gateway:
        gateway.wait_log("tts.espeak: de, en")
        gateway.wait_log("Voices of tts.espeak in en: en+m3 (male 3), en+f2 (female 2)")


def test_a_token_that_the_supervisor_refuses_is_said(
    tmp_path: Path, supervisor: StandInSupervisor
) -> None:
    with (
        AppGateway(tmp_path, supervisor, token="wrong-secret", menu_file={}) as gateway,
        Phone("p") as phone,
    ):
        phone.call(gateway.uri).wait_answered()
        gateway.wait_log("refused the token")
        assert "wrong-secret" not in "\n".join(gateway.lines)


def test_the_broker_of_the_supervisor_is_used(
    tmp_path: Path, supervisor: StandInSupervisor
) -> None:
    with Mosquitto(tmp_path, users={"app": "broker-secret"}) as broker:
        supervisor.broker = {
            "host": "127.0.0.1",
            "port": broker.port,
            "ssl": False,
            "username": "app",
            "password": "broker-secret",
            "protocol": "3.1.1",
        }
        with (
            MqttUser(broker.port, "hasip/state", "app", "broker-secret") as home,
            AppGateway(tmp_path, supervisor, mqtt={"enabled": True}) as gateway,
            Phone("p") as phone,
        ):
            gateway.wait_log(f"MQTT: connected to 127.0.0.1:{broker.port}")
            home.publish("hasip/execute", {"command": "dial", "number": phone.uri})
            phone.wait_call().wait_answered()
            home.wait_event("call_established")
