"""What becomes of commands that carry a request_id: one last word for each."""

from __future__ import annotations

from typing import Any

import pytest

from hasip.events.model import Side
from hasip.mqtt.limit import RateLimit
from support.fake_clock import FakeClock
from support.house import House

NUMBER = "sip:a@b"


@pytest.fixture
def house() -> House:
    return House()


def said(house: House, request_id: str) -> list[str]:
    """Return how far a command has come, in order."""
    return [one["status"] for one in house.answers if one["request_id"] == request_id]


def last(house: House) -> dict[str, Any]:
    return house.answers[-1]


def test_a_dial_is_accepted_when_placed_and_done_when_answered(house: House) -> None:
    house.command(command="dial", number=NUMBER, request_id="q")
    accepted = last(house)
    assert (accepted["status"], accepted["internal_id"]) == ("accepted", NUMBER)
    assert accepted["call_id"]
    house.lines[1].legs[-1].peer.on_connected()
    house.wait(1.0)
    assert said(house, "q") == ["accepted", "done"]
    house.lines[1].legs[-1].peer.on_disconnected(200, "OK", Side.REMOTE)
    house.wait(0.0)

    assert said(house, "q") == ["accepted", "done"]
    assert len(house.results) == 0


def test_a_dial_that_nobody_takes_says_why(house: House) -> None:
    house.command(command="dial", number=NUMBER, request_id="q")
    house.lines[1].legs[-1].peer.on_disconnected(486, "Busy Here", Side.REMOTE)
    house.wait(0.0)

    assert said(house, "q") == ["accepted", "failed"]
    assert (last(house)["sip_code"], last(house)["outcome"]) == (486, "busy")
    assert "the other side is busy" in last(house)["error"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"command": "dial", "number": "sip:none"}, "cannot call sip:none: bad URI"),
        ({"command": "dial", "number": NUMBER, "sip_account": 7}, "sip_account 7 is not"),
        ({"command": "hangup", "number": "1"}, 'no active call matches "1"'),
        ({"command": "stop_recording", "number": NUMBER}, "not being recorded"),
        ({"command": "bridge_audio", "number": NUMBER, "bridge_to": "x"}, 'call matches "x"'),
    ],
)
def test_what_cannot_be_done_is_failed_at_once(
    house: House, fields: dict[str, Any], error: str
) -> None:
    if fields["number"] == NUMBER and fields["command"] != "dial":
        house.dial(NUMBER)
    house.command(**fields, request_id="q")

    assert said(house, "q") == ["failed"]
    assert error in last(house)["error"]
    assert last(house)["number"] == fields["number"]


def test_a_command_that_takes_its_time_has_one_last_word(house: House) -> None:
    leg = house.dial(NUMBER)
    house.command(command="send_dtmf", number=NUMBER, digits="1", request_id="digits")
    assert said(house, "digits") == ["accepted"]
    leg.digits_done(None)
    house.command(command="play_message", number=NUMBER, message="hi", request_id="heard")
    leg.playing[-1][1]()
    house.command(
        command="start_recording", number=NUMBER, recording_file="/r.wav", request_id="record"
    )
    house.command(command="stop_recording", number=NUMBER, request_id="recorded")
    house.command(command="play_message", number=NUMBER, message="hi", request_id="cut short")
    house.command(command="transfer", number=NUMBER, transfer_to="sip:c@d", request_id="moved")
    leg.peer.on_transfer(486, "Busy Here", is_final=True)
    house.command(command="hangup", number=NUMBER, request_id="ended")
    assert said(house, "ended") == ["accepted"]
    leg.peer.on_disconnected(200, "OK", Side.LOCAL)
    house.wait(0.0)

    for request_id in ("digits", "heard", "record", "recorded", "ended"):
        assert said(house, request_id) == ["accepted", "done"], request_id
    for request_id in ("cut short", "moved"):
        assert said(house, request_id) == ["accepted", "failed"], request_id
    assert len(house.results) == 0


def test_a_service_is_done_when_home_assistant_ran_it(house: House) -> None:
    house.command(domain="lock", service="unlock", request_id="q")
    house.services.error = "Home Assistant answered 400"
    house.command(domain="lock", service="unlock", request_id="r")

    assert said(house, "q") == ["accepted", "done"]
    assert said(house, "r") == ["accepted", "failed"]
    assert last(house)["error"] == "Home Assistant answered 400"


def test_what_is_done_at_once_and_what_nobody_asked_for(house: House) -> None:
    house.command(command="state", request_id="q")
    house.command(command="state")
    house.dial(NUMBER)
    house.command(command="answer", number=NUMBER, menu={"message": "hi"}, request_id="r")

    assert said(house, "q") == ["done"]
    assert said(house, "r") == ["done"]  # the call was up, its new menu is entered
    assert len(house.answers) == 2


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    clock = FakeClock()
    limit = RateLimit(burst=3, per_s=2, now=clock.now)
    assert [limit.admits() for _ in range(4)] == [True, True, True, False]
    clock.advance(1.0)
    assert [limit.admits() for _ in range(3)] == [True, True, False]
    clock.advance(100.0)

    assert [limit.admits() for _ in range(4)] == [True, True, True, False]


def test_two_commands_with_one_id_each_have_a_last_word(house: House) -> None:
    """An automation uses `alarm-1` at every run; the second dial to a number is refused."""
    house.command(command="dial", number=NUMBER, request_id="alarm-1")
    house.command(command="dial", number=NUMBER, request_id="alarm-1")
    assert said(house, "alarm-1") == ["accepted", "failed"]
    house.command(command="dial", number="sip:c@d", request_id="alarm-1")
    first, second = house.lines[1].legs[-2:]
    second.peer.on_disconnected(486, "Busy Here", Side.REMOTE)
    house.wait(0.0)
    assert (last(house)["number"], last(house)["status"]) == ("sip:c@d", "failed")
    first.peer.on_connected()
    house.wait(1.0)

    assert (last(house)["number"], last(house)["status"]) == (NUMBER, "done")
    assert len(house.results) == 0
