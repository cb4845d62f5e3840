"""Guessers of codes with MQTT as the way for events: what is told, and that no code is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.gateway import GatewayProcess
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

CODE, GUESS = "908172", "635418"
EVENTS = "hasip/state"
MENU: dict[str, Any] = {
    "id": "door",
    "choices_are_pin": True,
    "mask_pin": True,
    "pin_lockout": 600,
    "choices": {
        CODE: {"id": "owner", "post_action": "return"},
        "default": {"id": "wrong", "post_action": "return"},
    },
}


def test_guesses_and_lockouts_are_told_and_no_topic_nor_the_log_has_a_code(tmp_path: Path) -> None:
    """A thief who forges a resident's number, and goes to another account for his last try."""
    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "#") as listener,
        GatewayProcess(
            tmp_path,
            menu_file={"menu": MENU},
            LOG_LEVEL="6",
            MQTT_ENABLED="on",
            MQTT_DISCOVERY="on",
            BROKER_ADDRESS="127.0.0.1",
            BROKER_PORT=str(broker.port),
            SIP2_ENABLED="on",
            SIP2_ID_URI="sip:garden@127.0.0.1",
            SIP2_ANSWER_MODE="accept",
            SIP2_SETTLE_TIME="0.1",
            SIP2_INCOMING_CALL_FILE=str(tmp_path / "incoming.yaml"),
        ) as gateway,
        Phone("resident") as resident,
        Phone("thief") as thief,
    ):
        gateway.wait_log("MQTT: connected")
        garden = gateway.uri.replace("house@", "garden@")

        def told(name: str) -> list[dict[str, Any]]:
            events = [json.loads(body) for body in listener.on(EVENTS)]
            return [event for event in events if event["event"] == name]

        def wait_told(name: str, count: int) -> None:
            wait_until(lambda: len(told(name)) >= count, lambda: f"{count} {name}: {told(name)}")

        def call(phone: Phone, uri: str, *codes: str) -> None:
            before = {name: len(told(name)) for name in ("call_established", "entered_menu")}
            call = phone.call(uri, caller="sip:resident@127.0.0.1").wait_answered()
            wait_told("call_established", before["call_established"] + 1)
            for count, code in enumerate(codes, 1):
                call.type_digits(code)
                # The door, and for each code where it leads and the door again.
                wait_told("entered_menu", before["entered_menu"] + 1 + 2 * count)
            call.hang_up()
            call.wait_ended()

        call(resident, gateway.uri, CODE)
        call(thief, gateway.uri, GUESS, GUESS)
        last = thief.call(garden, caller="sip:resident@127.0.0.1").wait_answered()
        wait_told("call_established", 3)
        last.type_digits(GUESS)
        last.wait_ended()

        wait_told("pin_lockout", 1)
        wait_told("call_disconnected", 3)
        lockout = told("pin_lockout")[0]
        assert (lockout["sip_account"], lockout["parsed_caller"]) == (2, "resident")
        assert lockout["lockout"] == 600
        failed = [(event["sip_account"], event["attempts"]) for event in told("pin_failed")]
        assert failed == [(1, 1), (1, 2), (2, 3)]
        # Nobody by that number is answered now, the resident neither; others are.
        locked = resident.call(gateway.uri)
        locked.wait_status(180)
        gateway.wait_log("[resident] is locked out after wrong codes; only listening")
        thief.call(gateway.uri).wait_answered()
        assert not locked.is_answered.is_set()

        digits = [event["digit"] for event in told("dtmf_digit")]
        assert digits == ["*"] * 6 * 4
        everything = [f"{one.topic} {one.payload!r}" for one in listener.received]
        for code in (CODE, GUESS):
            assert not [text for text in (*everything, *gateway.lines) if code in text]
