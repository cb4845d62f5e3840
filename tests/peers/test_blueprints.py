"""The blueprints in a real Home Assistant, with the real gateway, a broker and phones."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.blueprints import FOLDER
from support.gateway import GatewayProcess
from support.phone import Phone
from support.real_home_assistant import (
    RELEASES,
    WEBHOOK_ID,
    Furniture,
    RealHomeAssistant,
    Release,
    require,
)
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.mosquitto import Mosquitto

THINGS: dict[str, Any] = {
    "input_boolean": {
        name: {"name": name.capitalize()} for name in ("bell", "smoke", "lock", "done", "given_up")
    },
    "input_text": {"told": {"max": 255}},
}


class House:
    """Home Assistant with the blueprints, a broker, and what the gateway needs for them."""

    def __init__(self, home: RealHomeAssistant, broker: Mosquitto) -> None:
        self.home = home
        self._used = set[str]()
        self.api = home.api
        self.settings = {
            **home.settings,
            "COMMAND_SOURCE": "mqtt",
            "BROKER_ADDRESS": "127.0.0.1",
            "BROKER_PORT": str(broker.port),
            "SIP1_ANSWER_MODE": "listen",
        }

    def gateway(self, folder: Path) -> GatewayProcess:
        """Return the gateway of this house."""
        return GatewayProcess(folder, **self.settings)

    def use(self, name: str, **inputs: Any) -> None:
        """Make an automation of a blueprint."""
        inputs = {**({} if name == "missed_call" else {"channel": "mqtt"}), **inputs}
        blueprint = {"path": f"ha_sip/{name}.yaml", "input": inputs}
        self._used.add(name)
        self.api.add_automation(name, {"use_blueprint": blueprint})

    def turn_on(self, name: str) -> None:
        """Have something happen in the house."""
        self.api.call("input_boolean.turn_on", entity_id=f"input_boolean.{name}")

    def is_on(self, name: str) -> bool:
        """Tell what became of it."""
        return bool(self.api.state(f"input_boolean.{name}")["state"] == "on")

    def wait_on(self, name: str, timeout_s: float = 10.0) -> None:
        """Wait for something to be turned on."""
        self.api.wait_state(f"input_boolean.{name}", "on", timeout_s)

    def notifications(self, title: str) -> list[str]:
        """Return the texts of all notifications with a title."""
        shown = self.api.ask("persistent_notification/get")
        return [item["message"] for item in shown if item["title"] == title]

    def wait_notification(self, title: str) -> str:
        """Wait for a notification; returns its text."""
        wait_until(lambda: self.notifications(title), f"a notification: {title}")
        return self.notifications(title)[0]

    def command(self, **command: Any) -> None:
        """Send a command to the gateway."""
        self.api.call("mqtt.publish", topic="hasip/execute", payload=json.dumps(command))

    def is_idle(self, name: str) -> bool:
        """Tell whether an automation has done all it had to."""
        return bool(self.api.state(f"automation.{name}")["attributes"]["current"] == 0)

    def reset(self) -> None:
        """Turn everything off, and take the automations away."""
        everything = [f"input_boolean.{name}" for name in THINGS["input_boolean"]]
        self.api.call("input_boolean.turn_off", entity_id=everything)
        self.api.call("persistent_notification.dismiss_all")
        for name in self._used:
            self.api.remove_automation(name)
        self._used.clear()
        self.home.clear()


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.version)
def _house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    open_broker: Mosquitto,
) -> Iterator[House]:
    release: Release = require(request.param)
    furniture = Furniture(
        mqtt_port=open_broker.port, blueprints=FOLDER, packages={"things": THINGS}
    )
    with RealHomeAssistant(tmp_path_factory.mktemp("house"), release, furniture) as home:
        yield House(home, open_broker)


@pytest.fixture
def house(_house: House) -> Iterator[House]:
    yield _house
    _house.reset()


def turn_on(name: str) -> list[dict[str, Any]]:
    """Return what goes into an input for actions."""
    return [{"service": "input_boolean.turn_on", "entity_id": f"input_boolean.{name}"}]


def tell(text: str) -> list[dict[str, Any]]:
    """Return an action that writes down what an automation knows."""
    target = {"entity_id": "input_text.told"}
    return [{"service": "input_text.set_value", "target": target, "data": {"value": text}}]


def spoken(folder: Path, text: str) -> list[int]:
    """Return how the engine of this Home Assistant says something."""
    wav = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en", "-w", str(wav), text], check=True, timeout=20)
    return audio.read_wav(wav)


def test_a_doorbell_rings_a_phone_whose_digit_opens_the_door(house: House, tmp_path: Path) -> None:
    with house.gateway(tmp_path) as gateway, Phone("kitchen") as phone:
        house.use(
            "doorbell",
            doorbell="input_boolean.bell",
            number=phone.uri,
            door="input_boolean.lock",
            opened_action=turn_on("done") + tell("{{ command.number }}"),
            unanswered_action=turn_on("given_up"),
        )
        gateway.wait_log("MQTT: connected")
        house.turn_on("bell")
        call = phone.wait_call().wait_answered()
        message = spoken(tmp_path, "Somebody is at the door. Press 1 to open.")
        call.wait_samples(len(message) + 16_000)
        assert audio.likeness(call.stream.samples, message) > 0.8
        assert not house.is_on("lock")

        call.type_digits("1")
        house.wait_on("lock")
        house.wait_on("done")
        house.api.wait_state("input_text.told", phone.uri)
        call.wait_ended()
        assert call.ended_by_peer
        wait_until(lambda: house.is_idle("doorbell"), "the automation is done")
        assert not house.is_on("given_up")


def test_a_second_number_rings_when_nobody_answers_the_first(house: House, tmp_path: Path) -> None:
    with (
        house.gateway(tmp_path) as gateway,
        Phone("kitchen", answer_after_s=None) as kitchen,
        Phone("busy", reject_with=486) as mobile,
    ):
        house.use(
            "doorbell",
            doorbell="input_boolean.bell",
            number=kitchen.uri,
            second_number=mobile.uri,
            door="input_boolean.lock",
            ring_timeout=1,
            unanswered_action=turn_on("given_up"),
        )
        gateway.wait_log("MQTT: connected")
        house.turn_on("bell")
        kitchen.wait_call().wait_ended()
        mobile.wait_call().wait_ended()
        house.wait_on("given_up")
        wait_until(lambda: house.is_idle("doorbell"), "the automation is done")
        assert not house.is_on("lock")


def test_an_alarm_calls_one_after_the_other_until_somebody_acknowledges(
    house: House, tmp_path: Path
) -> None:
    with (
        house.gateway(tmp_path) as gateway,
        Phone("away", answer_after_s=None) as away,
        Phone("mailbox") as mailbox,
        Phone("owner") as owner,
        Phone("last") as last,
    ):
        house.use(
            "alarm_call",
            alarm="input_boolean.smoke",
            numbers=[away.uri, mailbox.uri, owner.uri, last.uri],
            ring_timeout=1,
            call_timeout=6,
            acknowledged_action=turn_on("done") + tell("{{ source }}, {{ command.number }}"),
        )
        gateway.wait_log("MQTT: connected")
        house.turn_on("smoke")
        away.wait_call().wait_ended()
        mailbox.wait_call().wait_answered().wait_ended()  # takes the message, types nothing
        call = owner.wait_call().wait_answered()
        message = spoken(tmp_path, "Alarm: Smoke. Press 1 to acknowledge.")
        call.wait_samples(len(message) + 8_000)
        call.type_digits("1")
        house.wait_on("done")
        house.api.wait_state("input_text.told", f"Smoke, {owner.uri}")
        call.wait_ended()

        assert audio.likeness(call.stream.samples, message) > 0.8
        wait_until(lambda: house.is_idle("alarm_call"), "the automation is done")
        assert not last.calls


def test_an_alarm_that_nobody_acknowledges_is_told_after_all_rounds(
    house: House, tmp_path: Path
) -> None:
    with (
        house.gateway(tmp_path) as gateway,
        Phone("busy", reject_with=486) as busy,
        Phone("wrong") as wrong,
    ):
        house.use(
            "alarm_call",
            alarm=["input_boolean.smoke", "input_boolean.bell"],
            numbers=[busy.uri, wrong.uri],
            rounds=2,
            pause=0,
            sip_account=7,
        )
        gateway.wait_log("MQTT: connected")
        house.turn_on("smoke")  # there is no such account, which is told at once
        told = house.wait_notification("Nobody acknowledged the alarm")
        assert told == f"Smoke. Called without success: {busy.uri}, {wrong.uri}"
        assert len([e for e in house.home.journal() if e["event"] == "command_failed"]) == 4

        house.use(
            "alarm_call",
            alarm=["input_boolean.smoke", "input_boolean.bell"],
            numbers=[busy.uri, wrong.uri],
            rounds=2,
            pause=0,
            unacknowledged_action=turn_on("given_up"),
        )
        house.turn_on("bell")
        for _ in range(2):
            busy.wait_call().wait_ended()
            call = wrong.wait_call().wait_answered()
            call.wait_sound()
            call.type_digits("5")  # is not the digit
            call.wait_sound(since=len(call.stream.samples))
            call.hang_up()
        house.wait_on("given_up")


def gate(house: House, **inputs: Any) -> None:
    """Make the gate."""
    house.use(
        "pin_gate",
        pins=["0815", "4711"],
        gate="input_boolean.lock",
        webhook_id=WEBHOOK_ID,
        opened_action=turn_on("done") + tell("{{ caller.text }}, code {{ pin_number }}"),
        **inputs,
    )


def test_a_gate_opens_for_a_caller_with_a_code(house: House, tmp_path: Path) -> None:
    with house.gateway(tmp_path) as gateway, Phone("guest") as guest:
        gate(house, allowed_callers=["owner", "gue*"])
        gateway.wait_log("MQTT: connected")
        call = guest.call(gateway.uri, display_name="Aunt May").wait_answered()
        message = spoken(tmp_path, "Please enter your code.")
        call.wait_samples(len(message) + 12_000)
        assert audio.likeness(call.stream.samples, message) > 0.8
        call.type_digits("0000")
        told = house.wait_notification("Wrong code at the gate")
        assert told == "Aunt May (guest) typed a wrong code."
        assert not house.is_on("lock")

        call.type_digits("4711")
        house.wait_on("lock")
        house.wait_on("done")
        house.api.wait_state("input_text.told", "Aunt May (guest), code 2")
        call.wait_ended()
        assert call.ended_by_peer
        digits = [e["digit"] for e in house.home.journal() if e["event"] == "dtmf_digit"]
        assert set(digits) == {"*"}


def test_a_gate_answers_neither_strangers_nor_who_guesses(house: House, tmp_path: Path) -> None:
    with (
        house.gateway(tmp_path) as gateway,
        Phone("thief") as thief,
        Phone("stranger") as stranger,
    ):
        gate(house, allowed_callers=["thief"], pin_max_attempts=2)
        gateway.wait_log("MQTT: connected")
        unknown = stranger.call(gateway.uri)
        unknown.wait_status(180)
        call = thief.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.type_digits("12345678")
        call.wait_ended()
        assert house.wait_notification("Locked out at the gate").startswith("thief typed")

        again = thief.call(gateway.uri)
        failed = house.home.wait_event("command_failed")
        assert "locked out" in failed["error"]
        assert not again.is_answered.is_set()
        assert not unknown.is_answered.is_set()
        assert not house.is_on("lock")


def test_a_missed_call_is_told_and_one_that_was_answered_is_not(
    house: House, tmp_path: Path
) -> None:
    with house.gateway(tmp_path) as gateway, Phone("+4930123456") as phone:
        house.use("missed_call", webhook_id=WEBHOOK_ID)
        gateway.wait_log("MQTT: connected")
        answered = phone.call(gateway.uri)
        answered.wait_status(180)
        house.command(command="answer", number=phone.name)
        answered.wait_answered()
        house.home.wait_event("call_established")
        answered.hang_up()
        refused = phone.call(gateway.uri)
        refused.wait_status(180)
        house.command(command="hangup", number=phone.name)
        refused.wait_ended()
        missed = phone.call(gateway.uri, display_name="Aunt May")
        missed.wait_status(180)
        missed.cancel()
        missed.wait_ended()
        told = house.wait_notification("Missed call")
        assert told.startswith("Aunt May (+4930123456) called at ")
        assert len(house.notifications("Missed call")) == 1
