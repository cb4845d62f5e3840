"""The blueprints in a real Home Assistant, with the real gateway and phones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.app_gateway import AppGateway
from support.blueprints import FOLDER, NAMES
from support.gateway import GatewayProcess
from support.phone import Phone
from support.real_home_assistant import (
    OLDER,
    RELEASES,
    WEBHOOK_ID,
    Furniture,
    RealHomeAssistant,
    Release,
    require,
)
from support.speech import spoken
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.mosquitto import Mosquitto
    from support.supervisor import StandInSupervisor

THINGS = [f"input_boolean.{name}" for name in ("bell", "smoke", "lock", "done", "given_up")]


class Rooms:
    """What happens in a Home Assistant that has the blueprints."""

    def __init__(self, home: RealHomeAssistant, broker: Mosquitto) -> None:
        self.home = home
        self.api = home.api
        self._broker = broker
        self._used = set[str]()

    def gateway(self, folder: Path) -> GatewayProcess:
        """Return a gateway that is told by MQTT what to do."""
        return GatewayProcess(
            folder,
            **self.home.settings,
            COMMAND_SOURCE="mqtt",
            BROKER_ADDRESS="127.0.0.1",
            BROKER_PORT=str(self._broker.port),
            SIP1_ANSWER_MODE="listen",
        )

    def use(self, name: str, channel: str = "mqtt", **inputs: Any) -> None:
        """Make an automation of a blueprint."""
        if name != "missed_call":  # tells ha-sip nothing
            inputs["channel"] = channel
        blueprint = {"path": f"ha_sip/{name}.yaml", "input": inputs}
        self._used.add(name)
        self.api.add_automation(name, {"use_blueprint": blueprint})

    def turn_on(self, name: str) -> None:
        """Have something happen in the house."""
        self.api.call("input_boolean.turn_on", entity_id=f"input_boolean.{name}")

    def is_on(self, name: str) -> bool:
        """Tell what became of it."""
        return bool(self.api.state(f"input_boolean.{name}")["state"] == "on")

    def wait_on(self, name: str) -> None:
        """Wait for something to be turned on."""
        self.api.wait_state(f"input_boolean.{name}", "on")

    def wait_idle(self, name: str) -> None:
        """Wait until an automation has done all it had to."""

        def is_idle() -> bool:
            return bool(self.api.state(f"automation.{name}")["attributes"]["current"] == 0)

        wait_until(is_idle, f"automation {name} is done")

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

    def clear(self) -> None:
        """Turn everything off, and take the automations away."""
        self.api.call("input_boolean.turn_off", entity_id=THINGS)
        self.api.call("persistent_notification.dismiss_all")
        for name in self._used:
            self.api.remove_automation(name)


@pytest.fixture
def rooms(house: RealHomeAssistant, open_broker: Mosquitto) -> Iterator[Rooms]:
    rooms = Rooms(house, open_broker)
    yield rooms
    rooms.clear()


@pytest.fixture
def app(tmp_path: Path, supervisor: StandInSupervisor) -> GatewayProcess:
    """Return the gateway as an app of Home Assistant."""
    gateway = AppGateway(tmp_path, supervisor, sip={"answer_mode": "listen"})
    supervisor.gateway = gateway
    return gateway


@pytest.fixture(params=["mqtt", "app"])
def told_by(
    request: pytest.FixtureRequest, rooms: Rooms, tmp_path: Path
) -> tuple[str, GatewayProcess]:
    """Return a way to tell the gateway what to do, by its newest name, and the gateway."""
    if request.param == "mqtt":
        return "mqtt", rooms.gateway(tmp_path)
    channel = "addon_stdin" if rooms.home.release is OLDER else "app_stdin"
    return channel, request.getfixturevalue("app")


def turn_on(name: str) -> list[dict[str, Any]]:
    """Return what goes into an input for actions."""
    return [{"service": "input_boolean.turn_on", "entity_id": f"input_boolean.{name}"}]


def tell(text: str) -> list[dict[str, Any]]:
    """Return an action that writes down what an automation knows."""
    target = {"entity_id": "input_text.told"}
    return [{"service": "input_text.set_value", "target": target, "data": {"value": text}}]


def test_a_doorbell_rings_a_phone_whose_digit_opens_the_door(
    rooms: Rooms, tmp_path: Path, told_by: tuple[str, GatewayProcess]
) -> None:
    channel, gateway = told_by
    with gateway, Phone("kitchen") as phone:
        rooms.use(
            "doorbell",
            channel=channel,
            doorbell="input_boolean.bell",
            number=phone.uri,
            door="input_boolean.lock",
            opened_action=turn_on("done") + tell("{{ command.number }}"),
            unanswered_action=turn_on("given_up"),
        )
        if channel == "mqtt":
            gateway.wait_log("MQTT: connected")
        rooms.turn_on("bell")
        call = phone.wait_call().wait_answered()
        message = spoken(tmp_path, "Somebody is at the door. Press 1 to open.")
        call.wait_samples(len(message) + 16_000)
        assert audio.likeness(call.stream.samples, message) > 0.8
        assert not rooms.is_on("lock")

        call.type_digits("1")
        rooms.wait_on("lock")
        rooms.wait_on("done")
        rooms.api.wait_state("input_text.told", phone.uri)
        call.wait_ended()
        assert call.ended_by_peer
        rooms.wait_idle("doorbell")
        assert not rooms.is_on("given_up")


def test_a_second_number_rings_when_nobody_answers_the_first(rooms: Rooms, tmp_path: Path) -> None:
    with (
        rooms.gateway(tmp_path) as gateway,
        Phone("kitchen", answer_after_s=None) as kitchen,
        Phone("busy", reject_with=486) as mobile,
    ):
        rooms.use(
            "doorbell",
            doorbell="input_boolean.bell",
            number=kitchen.uri,
            second_number=mobile.uri,
            door="input_boolean.lock",
            ring_timeout=1,
            unanswered_action=turn_on("given_up"),
        )
        gateway.wait_log("MQTT: connected")
        rooms.turn_on("bell")
        kitchen.wait_call().wait_ended()
        mobile.wait_call().wait_ended()
        rooms.wait_on("given_up")
        rooms.wait_idle("doorbell")
        assert not rooms.is_on("lock")


def test_an_alarm_calls_one_after_the_other_until_somebody_acknowledges(
    rooms: Rooms, tmp_path: Path
) -> None:
    with (
        rooms.gateway(tmp_path) as gateway,
        Phone("away", answer_after_s=None) as away,
        Phone("mailbox") as mailbox,
        Phone("owner") as owner,
        Phone("last") as last,
    ):
        rooms.use(
            "alarm_call",
            alarm="input_boolean.smoke",
            numbers=[away.uri, mailbox.uri, owner.uri, last.uri],
            ring_timeout=1,
            call_timeout=6,
            acknowledged_action=turn_on("done") + tell("{{ source }}, {{ command.number }}"),
        )
        gateway.wait_log("MQTT: connected")
        rooms.turn_on("smoke")
        away.wait_call().wait_ended()
        mailbox.wait_call().wait_answered().wait_ended()  # takes the message, types nothing
        call = owner.wait_call().wait_answered()
        message = spoken(tmp_path, "Alarm: Smoke. Press 1 to acknowledge.")
        call.wait_samples(len(message) + 8_000)
        call.type_digits("1")
        rooms.wait_on("done")
        rooms.api.wait_state("input_text.told", f"Smoke, {owner.uri}")
        call.wait_ended()

        assert audio.likeness(call.stream.samples, message) > 0.8
        rooms.wait_idle("alarm_call")
        assert not last.calls


def test_an_alarm_that_nobody_acknowledges_is_told_after_all_rounds(
    rooms: Rooms, tmp_path: Path
) -> None:
    with (
        rooms.gateway(tmp_path) as gateway,
        Phone("busy", reject_with=486) as busy,
        Phone("wrong") as wrong,
    ):
        rooms.use(
            "alarm_call",
            alarm=["input_boolean.smoke", "input_boolean.bell"],
            numbers=[busy.uri, wrong.uri],
            rounds=2,
            pause=0,
            unacknowledged_action=turn_on("given_up"),
        )
        gateway.wait_log("MQTT: connected")
        rooms.turn_on("bell")
        for _ in range(2):
            busy.wait_call().wait_ended()
            call = wrong.wait_call().wait_answered()
            call.wait_sound()
            call.type_digits("5")  # is not the digit
            call.wait_sound(since=len(call.stream.samples))
            call.hang_up()
        rooms.wait_on("given_up")


def test_an_alarm_that_can_call_nobody_says_so_at_once(rooms: Rooms, tmp_path: Path) -> None:
    with rooms.gateway(tmp_path) as gateway:
        numbers = ["sip:one@127.0.0.1", "sip:two@127.0.0.1"]
        alarm = "input_boolean.smoke"
        rooms.use("alarm_call", alarm=alarm, numbers=numbers, rounds=2, pause=0, sip_account=7)
        gateway.wait_log("MQTT: connected")
        rooms.turn_on("smoke")
        told = rooms.wait_notification("Nobody acknowledged the alarm")

        assert told == "Smoke. Called without success: sip:one@127.0.0.1, sip:two@127.0.0.1"
        failed = [event for event in rooms.home.journal() if event["event"] == "command_failed"]
        assert [event["number"] for event in failed] == numbers * 2
        assert "sip_account 7 is not configured" in failed[0]["error"]


def test_an_alarm_tells_when_ha_sip_is_not_there(rooms: Rooms) -> None:
    rooms.use(
        "alarm_call",
        alarm="input_boolean.smoke",
        numbers=["sip:one@127.0.0.1"],
        ring_timeout=1,
        call_timeout=-29,  # 2 s instead of 32
    )
    rooms.turn_on("smoke")
    rooms.wait_notification("Nobody acknowledged the alarm")


def test_a_webhook_id_that_stands_elsewhere_too_is_told(rooms: Rooms, tmp_path: Path) -> None:
    with rooms.gateway(tmp_path) as gateway, Phone("busy", reject_with=486) as phone:
        rooms.use(
            "doorbell",
            doorbell="input_boolean.bell",
            number=phone.uri,
            door="input_boolean.lock",
            webhook_id=WEBHOOK_ID,
        )
        gateway.wait_log("MQTT: connected")
        rooms.turn_on("bell")
        told = rooms.wait_notification("ha-sip: webhook ID")
        assert told.startswith("automation.doorbell gets events that are not its own.")
        assert f'"{WEBHOOK_ID}"' in told


def gate(rooms: Rooms, **inputs: Any) -> None:
    """Make the gate."""
    rooms.use(
        "pin_gate",
        pins=["0815", "4711"],
        gate="input_boolean.lock",
        webhook_id=WEBHOOK_ID,
        opened_action=turn_on("done") + tell("{{ caller.text }}, code {{ pin_number }}"),
        **inputs,
    )


def test_a_gate_opens_for_a_caller_with_a_code(
    rooms: Rooms, tmp_path: Path, app: GatewayProcess
) -> None:
    with app as gateway, Phone("guest") as guest:
        gate(rooms, channel="addon_stdin", allowed_callers=["owner", "gue*"])
        # Nothing in a name is ever evaluated: an action may render what it is given once more.
        call = guest.call(gateway.uri, display_name="Aunt {{ 7 + 7 }} May").wait_answered()
        name = "Aunt { { 7 + 7 }} May"
        message = spoken(tmp_path, "Please enter your code.")
        call.wait_samples(len(message) + 12_000)
        assert audio.likeness(call.stream.samples, message) > 0.8
        call.type_digits("0000")
        told = rooms.wait_notification("Wrong code at the gate")
        assert told == f"{name} (guest) typed a wrong code."
        assert not rooms.is_on("lock")

        call.type_digits("4711")
        rooms.wait_on("lock")
        rooms.wait_on("done")
        rooms.api.wait_state("input_text.told", f"{name} (guest), code 2")
        call.wait_ended()
        assert call.ended_by_peer
        digits = [e["digit"] for e in rooms.home.journal() if e["event"] == "dtmf_digit"]
        assert set(digits) == {"*"}


def test_a_gate_answers_neither_strangers_nor_who_guesses(rooms: Rooms, tmp_path: Path) -> None:
    with (
        rooms.gateway(tmp_path) as gateway,
        Phone("thief") as thief,
        Phone("stranger") as stranger,
    ):
        gate(rooms, allowed_callers=["thief"], pin_max_attempts=2)
        gateway.wait_log("MQTT: connected")
        unknown = stranger.call(gateway.uri)
        unknown.wait_status(180)
        call = thief.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.type_digits("12345678")
        call.wait_ended()
        assert rooms.wait_notification("Locked out at the gate").startswith("thief typed")
        wrong = "Wrong code at the gate"
        wait_until(lambda: len(rooms.notifications(wrong)) == 2, "each wrong code is told")

        again = thief.call(gateway.uri)
        failed = rooms.home.wait_event("command_failed")
        assert "locked out" in failed["error"]
        assert not again.is_answered.is_set()
        assert not unknown.is_answered.is_set()
        assert not rooms.is_on("lock")


def test_a_missed_call_is_told_and_one_that_was_answered_is_not(
    rooms: Rooms, tmp_path: Path
) -> None:
    with rooms.gateway(tmp_path) as gateway, Phone("+4930123456") as phone:
        rooms.use("missed_call", webhook_id=WEBHOOK_ID)
        gateway.wait_log("MQTT: connected")
        answered = phone.call(gateway.uri)
        answered.wait_status(180)
        rooms.command(command="answer", number=phone.name)
        answered.wait_answered()
        rooms.home.wait_event("call_established")
        answered.hang_up()
        refused = phone.call(gateway.uri)
        refused.wait_status(180)
        rooms.command(command="hangup", number=phone.name)
        refused.wait_ended()
        taken = phone.call(gateway.uri)
        taken.wait_status(180)
        taken.cancel("SIP;cause=200")
        taken.wait_ended()
        # Notifications are Markdown: a name must be no link, and load no image.
        name = "![Aunt](https://a.b/c) <b>May</b> {{ 7 + 7 }}"
        missed = phone.call(gateway.uri, display_name=name)
        missed.wait_status(180)
        missed.cancel()
        missed.wait_ended()
        told = rooms.wait_notification("Missed call")
        assert told.startswith("Aunt(https://a.b/c) bMay/b { { 7 + 7 }} (+4930123456) called at ")
        assert len(rooms.notifications("Missed call")) == 1


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_they_load_where_there_is_neither_mqtt_nor_a_supervisor(
    tmp_path: Path, release: Release
) -> None:
    inputs: dict[str, dict[str, Any]] = {
        "doorbell": {"doorbell": "event.bell", "number": "5", "door": "lock.front"},
        "alarm_call": {"alarm": "binary_sensor.smoke", "numbers": ["5"]},
        "pin_gate": {"pins": ["4711"], "gate": "cover.gate"},
        "missed_call": {},
    }
    furniture = Furniture(blueprints=FOLDER)
    with RealHomeAssistant(tmp_path, require(release), furniture) as home:
        for name in NAMES:
            blueprint = {"path": f"ha_sip/{name}.yaml", "input": inputs[name]}
            home.api.add_automation(name, {"use_blueprint": blueprint})
        known = home.api.ask("blueprint/list", domain="automation")
        for name in NAMES:
            assert "error" not in known[f"ha_sip/{name}.yaml"]
        log = home.log.read_text(encoding="utf-8")
        assert "Blueprint" not in log
        assert "nvalid config" not in log
