"""The gateway's entities in a real Home Assistant, by its MQTT integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess
from support.kamailio import Kamailio
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.ports import free_port
from support.real_home_assistant import CURRENT, Furniture, RealHomeAssistant, require
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, SECOND, THIRD = (f"ha_sip_home_account_{number}" for number in (1, 2, 3))
OF_EVERY_ACCOUNT = (
    *("sensor.{}_call_state", "sensor.{}_last_caller", "sensor.{}_calls_today"),
    *("sensor.{}_last_call_direction", "sensor.{}_last_call_outcome"),
    *("sensor.{}_last_call_duration", "event.{}_call", "event.{}_digit"),
    *("button.{}_answer", "button.{}_hang_up", "button.{}_redial", "button.{}_dial"),
    *("switch.{}_do_not_disturb", "select.{}_answer_mode", "text.{}_number_to_dial"),
    *("text.{}_number_to_notify", "notify.{}_notify_by_phone"),
)
WITH_REGISTRAR = (
    *("binary_sensor.{}_registration", "sensor.{}_registration_reason"),
    "button.{}_register_again",
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Return a broker that may be stopped."""
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto
) -> Iterator[RealHomeAssistant]:
    """Return a Home Assistant that may be stopped."""
    release, folder = require(CURRENT), tmp_path_factory.mktemp("home")
    with RealHomeAssistant(folder, release, Furniture(mqtt_port=broker.port)) as home:
        yield home


def gateway_at(folder: Path, broker: Mosquitto, **settings: str) -> GatewayProcess:
    """Return a gateway whose first account is a door, and only listens."""
    return GatewayProcess(
        folder,
        menu_file={},
        **{
            "MQTT_ENABLED": "on",
            "MQTT_DISCOVERY": "on",
            "BROKER_ADDRESS": "127.0.0.1",
            "BROKER_PORT": str(broker.port),
            "INSTANCE_NAME": "home",
            "SIP1_ANSWER_MODE": "listen",
            "SIP1_OPTIONS": "--door on",
            **settings,
        },
    )


class Account:
    """An account as it is in Home Assistant."""

    def __init__(self, home: RealHomeAssistant, name: str = FIRST) -> None:
        self._api = home.api
        self._name = name

    def wait(self, entity: str, state: str, timeout_s: float = 20) -> dict[str, Any]:
        """Wait for a state of `domain.entity`; returns its attributes."""
        name = self._full(entity)
        attributes: dict[str, Any] = self._api.wait_state(name, state, timeout_s)["attributes"]
        return attributes

    def wait_event(self, entity: str, event_type: str) -> dict[str, Any]:
        """Wait until an event entity has told a type; returns its attributes."""
        name = self._full(f"event.{entity}")
        wait_until(
            lambda: self._api.state(name)["attributes"].get("event_type") == event_type,
            f"{event_type} of {name}",
            20,
        )
        attributes: dict[str, Any] = self._api.state(name)["attributes"]
        return attributes

    def state(self, entity: str) -> str | None:
        """Return a state."""
        state: str | None = self._api.state(self._full(entity))["state"]
        return state

    def press(self, button: str) -> None:
        """Press a button."""
        self._api.call("button.press", entity_id=self._full(f"button.{button}"))

    def write(self, text: str, value: str) -> None:
        """Fill in a field, and wait until it shows."""
        entity = f"text.{text}"
        self._api.call("text.set_value", entity_id=self._full(entity), value=value)
        self.wait(entity, value)

    def choose(self, mode: str) -> None:
        """Choose an answer mode, and wait until it shows."""
        entity = "select.answer_mode"
        self._api.call("select.select_option", entity_id=self._full(entity), option=mode)
        self.wait(entity, mode)

    def disturb(self, *, not_: bool) -> None:
        """Switch do-not-disturb, and wait until it shows."""
        entity, state = "switch.do_not_disturb", "on" if not_ else "off"
        self._api.call(f"switch.turn_{state}", entity_id=self._full(entity))
        self.wait(entity, state)

    def notify(self, message: str) -> None:
        """Send a message by the notify entity."""
        entity = self._full("notify.notify_by_phone")
        self._api.call("notify.send_message", entity_id=entity, message=message)

    def _full(self, entity: str) -> str:
        domain, _, name = entity.partition(".")
        return f"{domain}.{self._name}_{name}"


def ours(home: RealHomeAssistant) -> set[str]:
    """Return the entities of the gateway."""
    ids = {state["entity_id"] for state in home.api.get("states")}
    return {one for one in ids if ".ha_sip_home" in one}


def test_every_entity_appears_and_what_no_longer_exists_goes(
    tmp_path: Path, broker: Mosquitto, home: RealHomeAssistant
) -> None:
    with Kamailio(tmp_path, free_port(), {"house": "secret"}) as registrar:
        others = {}
        for number, password in ((2, "secret"), (3, "wrong")):
            others |= {
                f"SIP{number}_ENABLED": "on",
                f"SIP{number}_ID_URI": f"sip:house@127.0.0.1:{registrar.port}",
                f"SIP{number}_REGISTRAR_URI": f"sip:127.0.0.1:{registrar.port}",
                f"SIP{number}_USER_NAME": "house",
                f"SIP{number}_PASSWORD": password,
            }
        with gateway_at(tmp_path, broker, **others):
            account = Account(home, SECOND)
            account.wait("binary_sensor.registration", "on")
            account.wait("sensor.registration_reason", "200 OK")
            account.press("register_again")
            wanted = {name.format(FIRST) for name in (*OF_EVERY_ACCOUNT, "event.{}_doorbell")}
            for name in (SECOND, THIRD):
                wanted |= {one.format(name) for one in (*OF_EVERY_ACCOUNT, *WITH_REGISTRAR)}
            wanted.add("sensor.ha_sip_home_active_calls")
            wait_until(lambda: ours(home) == wanted, f"{ours(home) ^ wanted}", 20)
            devices = {
                device["name"]: device
                for device in home.api.ask("config/device_registry/list")
                if device["manufacturer"] == "ha-sip"
            }
            assert devices.keys() == {
                "ha-sip home",
                *(f"ha-sip home account {number}" for number in (1, 2, 3)),
            }
            gateway_id = devices["ha-sip home"]["id"]
            assert devices["ha-sip home account 2"]["via_device_id"] == gateway_id
            log = home.log.read_text(encoding="utf-8").splitlines()
            assert [line for line in log if "mqtt" in line and " WARNING " in line] == []
            refused = Account(home, THIRD)
            refused.wait("binary_sensor.registration", "off")
            wait_until(
                lambda: (refused.state("sensor.registration_reason") or "")[:2] == "40", "why", 20
            )
    with gateway_at(tmp_path, broker, SIP1_OPTIONS=""):  # one account, and no door
        wanted = {name.format(FIRST) for name in OF_EVERY_ACCOUNT}
        wanted.add("sensor.ha_sip_home_active_calls")
        wait_until(lambda: ours(home) == wanted, "the other accounts and the bell are gone", 20)
    with gateway_at(tmp_path, broker, MQTT_DISCOVERY="off"):
        wait_until(lambda: not ours(home), "all entities are gone", 20)


def test_a_call_is_shown_from_its_first_ring_to_its_end(
    tmp_path: Path, broker: Mosquitto, home: RealHomeAssistant
) -> None:
    """The bell rings in Home Assistant, the button answers, the phone is connected."""
    account = Account(home)
    with gateway_at(tmp_path, broker) as gateway, Phone("bell") as phone:
        account.wait("sensor.call_state", "idle")
        before = int(account.state("sensor.calls_today") or 0)
        call = phone.call(gateway.uri, display_name="{{ 7 * 7 }}")
        ringing = account.wait("sensor.call_state", "ringing")
        assert ringing["caller"] == f'"{{ {{ 7 * 7 }}}}" <{phone.uri}>'  # it is never evaluated
        assert (ringing["calls"], ringing["parsed_caller"]) == (1, "bell")
        account.wait_event("doorbell", "ring")
        account.wait_event("call", "incoming_call")
        account.wait("sensor.last_caller", "bell")
        account.wait("sensor.calls_today", str(before + 1))
        home.api.wait_state("sensor.ha_sip_home_active_calls", "1")
        account.press("answer")
        call.wait_answered()
        account.wait("sensor.call_state", "connected")
        account.wait_event("call", "call_established")
        call.type_digits("5")
        assert account.wait_event("digit", "5")["parsed_caller"] == "bell"
        account.press("hang_up")
        call.wait_ended()
        account.wait("sensor.call_state", "idle")
        assert account.wait("sensor.last_call_outcome", "completed")["hangup_by"] == "local"
        account.wait("sensor.last_call_direction", "incoming")
        assert int(account.state("sensor.last_call_duration") or 0) < 60
        assert account.wait_event("call", "call_disconnected")["sip_code"] == 200
        home.api.wait_state("sensor.ha_sip_home_active_calls", "0")


def test_every_control_works(tmp_path: Path, broker: Mosquitto, home: RealHomeAssistant) -> None:
    account = Account(home)
    with (
        gateway_at(tmp_path, broker, **home.settings) as gateway,
        Phone("called") as called,
        Phone("caller") as caller,
    ):
        account.wait("sensor.call_state", "idle")
        account.write("number_to_dial", called.uri)
        account.press("dial")
        called.wait_call().wait_answered()
        account.wait("sensor.call_state", "connected")
        account.press("hang_up")
        account.wait("sensor.call_state", "idle")
        account.press("redial")
        call = called.wait_call().wait_answered()
        call.hang_up()
        account.wait("sensor.call_state", "idle")

        account.disturb(not_=True)
        refused = caller.call(gateway.uri)
        refused.wait_status(480)
        account.wait("sensor.last_call_outcome", "rejected")
        account.disturb(not_=False)
        account.choose("accept")
        caller.call(gateway.uri).wait_answered().hang_up()
        account.choose("reject")
        caller.call(gateway.uri).wait_status(603)
        account.choose("listen")

        account.write("number_to_notify", called.uri)
        account.notify("The cellar is under water.")
        account.notify("The attic is on fire.")
        for _ in range(2):  # one after the other, each in a call of its own
            call = called.wait_call(20).wait_answered()
            call.wait_sound()
            call.wait_ended(20)
        account.press("answer")
        gateway.wait_log("MQTT: account 1, answer: no call rings")


def test_broker_and_home_assistant_restart_in_the_middle_of_a_call(
    tmp_path: Path, broker: Mosquitto, home: RealHomeAssistant
) -> None:
    account = Account(home)
    with gateway_at(tmp_path, broker) as gateway, Phone("bell") as phone:
        account.wait("sensor.call_state", "idle")
        call = phone.call(gateway.uri)
        account.wait("sensor.call_state", "ringing")
        account.press("answer")
        call.wait_answered()
        account.wait("sensor.call_state", "connected")
        broker.kill()
        account.wait("sensor.call_state", "unavailable")
        gateway.wait_log("MQTT: no broker answers")
        broker.start()  # it has forgotten everything
        account.wait("sensor.call_state", "connected", 40)
        # Home Assistant says so once it listens to everything again.
        born = "MQTT: Home Assistant is there; telling it of all entities"
        gateway.wait_log(born, 30)
        call.type_digits("7")
        account.wait_event("digit", "7")

        rang_at = account.state("event.doorbell")
        since = len(gateway.lines)
        home.stop()
        home.start()
        gateway.wait_log(born, 30, since=since)
        account.wait("sensor.call_state", "connected")
        assert account.state("event.doorbell") == rang_at  # it does not ring again
        account.press("hang_up")
        call.wait_ended()
        account.wait("sensor.call_state", "idle")


def test_a_gateway_that_dies_is_unavailable_and_comes_back_as_it_was(
    tmp_path: Path, broker: Mosquitto, home: RealHomeAssistant
) -> None:
    account = Account(home)
    with gateway_at(tmp_path, broker) as gateway, Phone("bell") as phone:
        account.wait("sensor.call_state", "idle")
        account.disturb(not_=True)
        account.choose("accept")
        account.write("number_to_dial", "sip:kept@home")
        phone.call(gateway.uri).wait_status(480)
        account.wait("sensor.last_call_outcome", "rejected")
        count = account.state("sensor.calls_today")
        gateway.kill()
        for entity in ("sensor.call_state", "switch.do_not_disturb", "button.answer"):
            account.wait(entity, "unavailable")
    with gateway_at(tmp_path, broker) as gateway, Phone("bell") as phone:
        account.wait("sensor.call_state", "idle")
        account.wait("switch.do_not_disturb", "on")
        account.wait("select.answer_mode", "accept")
        account.wait("text.number_to_dial", "sip:kept@home")
        account.wait("sensor.calls_today", str(count))
        account.wait("sensor.last_call_outcome", "rejected")
        phone.call(gateway.uri).wait_status(480)
        account.disturb(not_=False)
        phone.call(gateway.uri).wait_answered()
    # What people chose holds as long as the settings do not say otherwise.
    with gateway_at(tmp_path, broker, SIP1_ANSWER_MODE="reject"):
        account.wait("select.answer_mode", "reject")


def test_what_anybody_writes_on_our_topics_does_no_harm(tmp_path: Path, broker: Mosquitto) -> None:
    with (
        MqttUser(broker.port, "hasip/attic/#") as user,
        Phone("called", answer_after_s=None) as called,
    ):
        account = "hasip/attic/account/1"
        kept = {"number": called.uri, "answer_mode": ["x"], "do_not_disturb": 1, "calls": "none"}
        user.publish(f"{account}/kept", kept, retain=True)
        user.publish("hasip/attic/devices", b"no json", retain=True)
        user.publish(f"{account}/dial/set", b"PRESS", retain=True)
        gateway = gateway_at(
            tmp_path, broker, INSTANCE_NAME="attic", MQTT_DISCOVERY_PREFIX="elsewhere"
        )
        with gateway:
            _do_harm(user, gateway, account)
        assert called.calls == {}


def _do_harm(user: MqttUser, gateway: GatewayProcess, account: str) -> None:
    user.wait_on(f"{account}/call_state", b"idle")
    gateway.wait_log(f"MQTT: a retained message on {account}/dial/set is ignored")
    for key in ("do_not_disturb", "answer_mode", "number", "speak", "answer", "nothing"):
        user.publish(f"{account}/{key}/set", b"\xff" * 300)
    user.publish("hasip/attic/account/9/answer/set", b"PRESS")
    user.publish("hasip/attic/account/x/answer/set", b"PRESS")
    user.publish("hasip/attic/execute", {"command": "state"})
    gateway.wait_log("No active calls.")

    for said in (
        "do_not_disturb: must be ON or OFF",
        "answer_mode: must be one of listen, accept, reject",
        "number: a number has 255 characters at most",
        "speak: there is no number to notify; set it first",
        "answer: no call rings",
        "nothing: known are answer, hangup,",
    ):
        gateway.wait_log(f"MQTT: account 1, {said}")
    assert not any("Traceback" in line for line in gateway.lines)
    assert user.on(f"{account}/do_not_disturb")[-1] == b"OFF"
