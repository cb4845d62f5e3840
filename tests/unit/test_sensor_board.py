"""What the sensors show reaches Home Assistant, without a flood."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hasip.backoff import Backoff
from hasip.homeassistant import outbox, sensors
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.sensors import SensorBoard, SensorState
from hasip.secret import SecretStr
from support.failures import FAILURES
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ON, OFF = SensorState("on", {}), SensorState("off", {})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "AWAY", Backoff(0.05, 0.1))


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as stand_in:
        yield stand_in


def make_board(base_url: str) -> SensorBoard:
    board = SensorBoard(HomeAssistantClient(base_url, SecretStr(TOKEN)))
    board.start()
    return board


def finish(board: SensorBoard) -> None:
    done = threading.Event()
    board.close(5, done.set)
    assert done.wait(10)


def test_one_that_comes_back_is_shown_everything_in_its_newest_state(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    board = make_board(f"http://127.0.0.1:{port}/api")
    board.show("sensor.a", ON)
    board.show("sensor.b", ON)
    wait_until(lambda: FAILURES["sensor-away"].is_in(caplog.text), "it is said")
    board.show("sensor.a", OFF)
    with StandInHomeAssistant(port) as house:
        wait_until(lambda: len(house.requests) >= 3, "both, and then all again")
        finish(board)

        assert {body["state"] for body in house.states_of("sensor.a")} == {"off"}
        assert {body["state"] for body in house.states_of("sensor.b")} == {"on"}
    assert caplog.text.count("not updated") == 1


def test_a_sensor_that_is_refused_does_not_hold_up_the_others_nor_flood(
    house: StandInHomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    house.statuses["states/sensor.bad"] = 400
    board = make_board(house.base_url)
    board.show("sensor.bad", ON)
    board.show("sensor.good", ON)
    wait_until(lambda: house.states_of("sensor.good"), "the good one")
    board.show("sensor.good", OFF)
    wait_until(lambda: len(house.states_of("sensor.good")) == 2, "its next state")
    finish(board)

    assert len(house.states_of("sensor.bad")) == 1
    assert caplog.text.count("Sensor sensor.bad not updated: ") == 1


def test_all_are_shown_again_from_time_to_time(
    house: StandInHomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant forgets them when it restarts, which nobody may notice."""
    monkeypatch.setattr(sensors, "SEND_AGAIN_AFTER_S", 0.1)
    board = make_board(house.base_url)
    board.show("sensor.a", ON)
    wait_until(lambda: len(house.states_of("sensor.a")) == 3, "three times")
    finish(board)


def test_a_mistake_of_ours_does_not_end_the_thread(
    house: StandInHomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outbox, "AFTER_A_CRASH_S", 0.05)
    board = make_board(house.base_url)
    board.show("sensor.a", SensorState("on", {"x": object()}))  # no JSON
    wait_until(lambda: "sensors: something nobody foresaw" in caplog.text, "it is said")
    board.show("sensor.b", ON)
    wait_until(lambda: house.states_of("sensor.b"), "the next one")
    finish(board)
