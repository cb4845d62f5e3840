"""What callers and the called write into SIP messages: bounded, valid, and no line of the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

FORGED = "| 2026-01-01 00:00:00.000 ERROR   forged"
BYTES = b"\xff\xfe\xc3".decode("utf-8", "surrogateescape")
NAMES = {
    "template": "{{ 7 * 7 }} {% if x %} {# x #}",
    "no UTF-8": f"a{BYTES}b",
    "control characters": "a\x1b[2J\x07\x7fb",
    "end of line, encoded": f"%0d%0a{FORGED}",
    "quotes": r"a\"b\\ ', \"event\": \"x\", ",
    "marks of direction": "\u202eevil\u200f\u2028",
    "another's URI": f"<sip:owner@127.0.0.1> sip:owner@127.0.0.1; {FORGED}",
    "long": "n" * 1_500,
}
LARGEST_EVENT = 16_000
TEMPLATE = "It is {{ states('sensor.outside') }} degrees"


@pytest.fixture
def broker(tmp_path: Path) -> Mosquitto:
    folder = tmp_path / "broker"
    folder.mkdir()
    return Mosquitto(folder)


def test_hostile_names_headers_and_reasons_are_told_bounded_valid_and_forge_nothing(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """By webhook and MQTT; of callers, and of those who are called."""
    with (
        broker,
        MqttUser(broker.port, "#") as listener,
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={"menu": {"message": TEMPLATE, "handle_as_template": True}},
            MQTT_ENABLED="on",
            MQTT_DISCOVERY="on",
            BROKER_ADDRESS="127.0.0.1",
            BROKER_PORT=str(broker.port),
            LOG_LEVEL="5",
            SIP1_ANSWER_MODE="listen",
            SIP1_OPTIONS="--extract-headers X-Evil,Subject",
            SIP2_ENABLED="true",
            SIP2_ID_URI="sip:answering@127.0.0.1",
            SIP2_ANSWER_MODE="accept",
            SIP2_SETTLE_TIME="0.1",
            SIP2_INCOMING_CALL_FILE=str(tmp_path / "incoming.yaml"),
            SIP2_OPTIONS="--extract-headers X-Evil",
        ) as gateway,
    ):
        gateway.wait_log("MQTT: connected")
        count = 0
        for text in NAMES.values():
            headers = [("x-evil", text), ("subject", text)]
            with Phone("thief", extra_headers=headers) as thief:
                call = thief.call(gateway.uri, display_name=text)
                call.wait_status(180)
                call.cancel(f'SIP;cause=1;text="{text}"')
                call.wait_ended()
            with Phone("callee", reject_with=486, reject_reason=f"No {text}") as callee:
                gateway.command({"command": "dial", "number": callee.uri})
                callee.wait_call().wait_ended()
            count += 2
            # Each is told in its own time.
            wait_until(
                lambda: house.event_names.count("call_disconnected") == count,  # noqa: B023
                f"{count} ends by webhook",
            )
            wait_until(
                lambda: len(ended(listener)) == count,  # noqa: B023
                f"{count} ends by MQTT",
            )

        with Phone("thief", extra_headers=[("x-evil", NAMES["template"])]) as thief:
            answered = f"sip:answering@127.0.0.1:{gateway.port}"
            call = thief.call(answered, display_name=NAMES["template"])
            call.wait_answered()
            wait_until(lambda: rendered(house), "the menu's template")
            call.hang_up()
        wait_until(lambda: len(ended(listener)) == count + 1, "the end of the answered call")
        wait_until(
            lambda: house.event_names.count("call_disconnected") == count + 1, "the same by webhook"
        )

        instance = {"instance": ended(listener)[0]["instance"]}
        by_webhook = [e | instance for e in house.events if e["event"] == "call_disconnected"]
        assert ended(listener) == by_webhook
        for event in house.events:
            assert event["parsed_remote_uri"] in ("thief", "callee")
            # Home Assistant's reader takes no half of a surrogate pair.
            assert len(json.dumps(event, ensure_ascii=False).encode()) < LARGEST_EVENT
            assert max(map(len, (str(event["headers"]["X-Evil"]), event["call_id"]))) <= 1_000
        assert max(len(message.payload) for message in listener.received) < LARGEST_EVENT
        told = json.dumps(house.events)
        assert not [begin for begin in ("{{", "{%", "{#") if begin in told]
        # Home Assistant renders what the menu says, whoever calls.
        assert set(rendered(house)) == {TEMPLATE}
        assert not [line for line in gateway.lines if line.startswith(FORGED)]
        assert not [line for line in gateway.lines if set(line) & set("\x1b\x07\x7f\u202e\u2028")]
        assert not [line for line in gateway.own_lines if "ERROR" in line and "forged" not in line]


def rendered(house: StandInHomeAssistant) -> list[str]:
    """Return the templates that Home Assistant was given."""
    return [item.body["template"] for item in house.requests if item.path == "template"]


def ended(listener: MqttUser) -> list[dict[str, Any]]:
    """Return the ends of calls on the state topic."""
    events = [json.loads(payload) for payload in listener.on("hasip/state")]
    return [event for event in events if event["event"] == "call_disconnected"]
