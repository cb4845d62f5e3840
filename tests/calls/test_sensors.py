"""The sensors in Home Assistant: accounts, registrations, the last call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from pathlib import Path


def test_sensors_follow_calls(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={},
            SENSOR_ENABLED="true",
            SENSOR_ENTITY_PREFIX="my-sip",
        ) as gateway,
        Phone("555") as phone,
    ):

        def states(name: str) -> list[str]:
            return [body["state"] for body in house.states_of(f"sensor.my_sip_{name}")]

        house.wait(lambda: states("last_call_1") == ["none"], "the first states")
        assert states("account_1") == ["false"]
        assert states("registration_1") == ["unknown"]
        call = phone.call(gateway.uri).wait_answered()
        house.wait(lambda: states("account_1")[-1] == "true", "an active call")
        house.wait(lambda: states("last_call_1")[-1] == "incoming", "the last call")
        shown = house.states_of("sensor.my_sip_account_1")[-1]["attributes"]
        assert shown["parsed_caller"] == "555"
        last = house.states_of("sensor.my_sip_last_call_1")[-1]["attributes"]
        assert last["internal_id"] == shown["internal_id"]
        assert "T" in last["timestamp"]
        call.hang_up()
        house.wait(lambda: states("account_1")[-1] == "false", "no call any more")
        assert house.states_of("sensor.my_sip_account_1")[-1]["attributes"] == {}

        gateway.command({"command": "dial", "number": phone.uri})
        phone.wait_call().wait_answered()
        house.wait(lambda: states("last_call_1")[-1] == "outgoing", "our call")
        gateway.command({"command": "quit"})
        assert gateway.wait_exit() == 0
        assert states("account_1")[-1] == "false"


def test_only_the_newest_state_is_sent_to_a_home_assistant_that_was_away(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={}, SENSOR_ENABLED="on") as gateway,
        Phone("555") as phone,
    ):
        house.wait(lambda: house.states_of("sensor.ha_sip_last_call_1"), "the first states")
        house.statuses["states/"] = 503
        for _ in range(3):
            phone.call(gateway.uri).wait_answered().hang_up()
        gateway.wait_log("Sensor sensor.ha_sip_account_1 not updated: POST states/")
        house.wait(lambda: house.event_names.count("call_disconnected") == 3, "three calls")
        count = len(house.states_taken("sensor.ha_sip_account_1"))
        del house.statuses["states/"]
        house.wait(lambda: len(house.states_taken("sensor.ha_sip_account_1")) > count, "a state")

        shown = house.states_taken("sensor.ha_sip_account_1")[count:]
        assert {body["state"] for body in shown} == {"false"}


def test_sensors_are_off_by_default(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={}) as gateway,
        Phone("555") as phone,
    ):
        phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")

        assert not any(item.path.startswith("states/") for item in house.requests)
