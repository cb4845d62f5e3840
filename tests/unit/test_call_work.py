"""Digits, transfer, bridge, recording and codes of calls, in every order that may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hasip.calls.call_work import TRANSFER_WITHIN_S
from hasip.calls.menu_file import MenuFile
from hasip.errors import CommandError
from hasip.events.model import Side
from support.house import FakeLeg, House
from support.menus import menu_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

A, B = "sip:a@b", "sip:b@b"
PIN: dict[str, Any] = {
    "choices_are_pin": True,
    "pin_lockout": 30,
    "choices": {"1234": {"id": "open"}, "default": {"id": "wrong", "post_action": "return"}},
}


@pytest.fixture
def house() -> House:
    return House()


def last(house: House) -> Mapping[str, Any]:
    return house.events[-1]


def end(leg: FakeLeg) -> None:
    leg.peer.on_disconnected(200, "OK", Side.REMOTE)


# --- digits ---------------------------------------------------------------------------------


def test_the_call_is_hung_up_when_the_last_digit_has_left(house: House) -> None:
    leg = house.dial(A)
    house.command(command="send_dtmf", number=A, digits="12#", post_action="hangup")
    assert leg.told == ["digits 12# in_band"]

    leg.digits_done(None)

    assert leg.told[-1] == "hang_up None"


def test_digits_that_could_not_be_sent_hang_up_nothing(house: House) -> None:
    leg = house.dial(A)
    house.command(command="send_dtmf", number=A, digits="1", post_action="hangup", request_id="q")

    leg.digits_done("the peer refused")

    assert last(house)["event"] == "command_failed"
    assert last(house)["command"] == "send_dtmf"
    assert last(house)["error"] == "the peer refused"
    assert last(house)["request_id"] == "q"
    assert len(leg.told) == 1


# --- transfer -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "is_final", "success"), [(200, True, True), (486, True, False), (180, False, None)]
)
def test_only_a_final_success_ends_the_call(
    house: House,
    code: int,
    is_final: bool,  # noqa: FBT001
    success: bool | None,  # noqa: FBT001
) -> None:
    leg = house.dial(A)
    house.command(command="transfer", number=A, transfer_to=B, request_id="q")

    leg.peer.on_transfer(code, "Why", is_final=is_final)

    assert leg.told == [f"transfer {B}", *(["hang_up None"] if success else [])]
    if success is None:
        assert last(house)["event"] == "call_established"
    else:
        assert last(house)["event"] == "transfer_result"
        assert last(house)["sip_code"] == code
        assert last(house)["success"] is success
        assert last(house)["request_id"] == "q"


def test_a_transfer_nobody_hears_of_again_has_failed_after_a_while(house: House) -> None:
    leg = house.dial(A, menu={"timeout": 1000})
    house.command(command="transfer", number=A, transfer_to=B)
    house.command(command="transfer", number=A, transfer_to=B)
    assert "under way" in last(house)["error"]

    house.wait(TRANSFER_WITHIN_S)

    assert last(house)["event"] == "transfer_result"
    assert last(house)["sip_code"] == 408
    leg.peer.on_transfer(200, "OK", is_final=True)  # too late
    assert "hang_up None" not in leg.told


def test_a_transfer_that_cannot_begin_may_be_tried_again(house: House) -> None:
    leg = house.dial(A)
    house.command(command="transfer", number=A, transfer_to="sip:none")
    assert "cannot transfer to sip:none" in last(house)["error"]

    house.command(command="transfer", number=A, transfer_to=B)

    assert leg.told == [f"transfer {B}"]


def test_a_call_that_ends_during_a_transfer_tells_so_first(house: House) -> None:
    leg = house.dial(A)
    house.command(command="transfer", number=A, transfer_to=B)
    leg.peer.on_transfer(180, "Ringing", is_final=False)

    end(leg)

    assert house.names[-2:] == ["transfer_result", "call_disconnected"]
    assert house.events[-2]["sip_code"] == 180
    assert house.loop.armed_timers == 0


# --- bridge ---------------------------------------------------------------------------------


def test_the_end_of_one_call_parts_the_bridge(house: House) -> None:
    a, b = house.dial(A, menu={"timeout": 10}), house.dial(B)
    house.command(command="bridge_audio", number=A, bridge_to=B)
    house.command(command="bridge_audio", number=B, bridge_to=A)  # there already
    assert a.told == [f"bridge {B}"]
    assert b.told == []
    house.wait(20)
    assert a.told == [f"bridge {B}"]

    end(b)

    house.wait(10)
    assert a.told[-1] == "hang_up None"  # the menu's timeout runs again
    end(a)
    assert house.loop.armed_timers == 0


def test_a_bridge_of_three_parts_one_by_one(house: House) -> None:
    a, b = house.dial(A, menu={"timeout": 10}), house.dial(B)
    c = house.dial("sip:c@b")
    house.command(command="bridge_audio", number=A, bridge_to=B)
    house.command(command="bridge_audio", number=A, bridge_to="c")
    end(b)
    house.wait(20)
    assert "hang_up None" not in a.told

    end(c)

    house.wait(10)
    assert "hang_up None" in a.told


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ("nobody", 'no active call matches "nobody"'),
        (A, "cannot be bridged with itself"),
        ("sip:rings@b", "sip:rings@b is not up (dialing)"),
    ],
)
def test_a_bridge_that_cannot_be(house: House, other: str, error: str) -> None:
    house.dial(A)
    house.command(command="dial", number="sip:rings@b")

    house.command(command="bridge_audio", number=A, bridge_to=other)

    assert error in last(house)["error"]


def test_self_is_the_call_that_the_action_belongs_to(house: House) -> None:
    bridge = {"command": "bridge_audio", "number": B, "bridge_to": "self"}
    house.dial(B)
    house.dial(A, menu={"action": bridge})

    assert house.lines[1].legs[0].told == [f"bridge {A}"]


# --- recording ------------------------------------------------------------------------------


def test_a_recording_is_told_when_it_began_and_when_it_is_whole(house: House) -> None:
    leg = house.dial(A)
    house.command(command="start_recording", number=A, recording_file="/r.wav", request_id="q")
    house.loop.run_pending()
    assert last(house)["event"] == "recording_started"
    assert last(house)["recording_file"] == "/r.wav"
    assert last(house)["request_id"] == "q"

    house.command(command="stop_recording", number=A, request_id="z")
    house.loop.run_pending()

    assert leg.told == ["record /r.wav", "stop_recording"]
    assert house.recordings.told == ["finish /r.wav"]
    assert last(house)["event"] == "recording_stopped"
    assert last(house)["request_id"] == "z"


def test_the_end_of_a_recorded_call_waits_for_the_file(house: House) -> None:
    leg = house.dial(A)
    house.command(command="start_recording", number=A, recording_file="/r.wav")
    house.loop.run_pending()

    end(leg)

    assert house.names[-1] == "recording_started"
    house.loop.run_pending()
    assert house.names[-2:] == ["recording_stopped", "call_disconnected"]
    assert len(house.registry) == 0


def test_a_call_that_ends_while_the_file_is_made_records_nothing(house: House) -> None:
    leg = house.dial(A)
    house.dispatch(command="start_recording", number=A, recording_file="/r.wav", request_id="q")
    end(leg)
    assert house.names[-1] == "call_disconnected"

    house.loop.run_pending()

    assert "record /r.wav" not in leg.told
    assert house.recordings.told == ["give up /r.wav"]
    assert last(house)["event"] == "command_failed"
    assert last(house)["request_id"] == "q"


def test_a_recording_stopped_before_it_began_never_begins(house: House) -> None:
    leg = house.dial(A)
    leg.told.clear()
    house.dispatch(command="start_recording", number=A, recording_file="/r.wav")
    house.dispatch(command="stop_recording", number=A)
    house.dispatch(command="stop_recording", number=A)
    house.loop.run_pending()

    assert leg.told == []
    assert house.recordings.told == ["give up /r.wav"]
    errors = [event["error"] for event in house.events if event["event"] == "command_failed"]
    assert errors == ["this call is not being recorded", "it was stopped before it began"]
    house.command(command="start_recording", number=A, recording_file="/s.wav")
    house.loop.run_pending()
    assert leg.told == ["record /s.wav"]


def test_a_call_is_recorded_to_one_file_at_a_time(house: House) -> None:
    house.dial(A)
    house.command(command="start_recording", number=A, recording_file="/r.wav")
    house.loop.run_pending()

    house.command(command="start_recording", number=A, recording_file="/s.wav")

    assert last(house)["error"] == "this call is being recorded to /r.wav already"


def test_a_file_that_cannot_be_made_or_written_is_told(house: House) -> None:
    leg = house.dial(A)
    house.recordings.error = CommandError("the folder does not exist")
    house.command(command="start_recording", number=A, recording_file="/r.wav")
    house.loop.run_pending()
    assert last(house)["error"] == "the folder does not exist"

    house.recordings.error, leg.is_broken = None, True
    house.command(command="start_recording", number=A, recording_file="/r.wav")
    house.loop.run_pending()

    assert last(house)["error"].endswith(".wav: cannot record")
    assert house.recordings.told == ["give up /r.wav"]


# --- codes ----------------------------------------------------------------------------------


def caller(house: House, uri: str, codes: str = "") -> FakeLeg:
    """Have somebody call in and type."""
    leg = FakeLeg(f"<{uri}>")
    house.desk.incoming(leg, house.lines[1], MenuFile(tree=menu_tree(**PIN)))
    if "answer" in leg.told:
        leg.peer.on_connected()
        house.wait(1.0)
        for digit in codes:
            leg.peer.on_digit(digit)
    return leg


def test_wrong_codes_count_across_calls_and_lock_the_caller_out(house: House) -> None:
    first = caller(house, "sip:555@pbx", "99998888")
    end(first)
    other = caller(house, "sip:777@pbx", "9999")
    second = caller(house, "sip:555@pbx", "7777")

    assert second.told == ["answer", "hang_up None"]
    assert "hang_up None" not in other.told
    assert house.names[-1] == "pin_lockout"
    assert last(house)["lockout"] == 30
    end(second)
    assert caller(house, "sip:555@pbx").told == []  # only listening
    house.wait(30)
    assert caller(house, "sip:555@pbx").told == ["answer"]


@pytest.mark.parametrize("menu", [None, PIN])
def test_no_command_lets_who_is_locked_out_go_on_guessing(
    house: House, menu: dict[str, Any] | None
) -> None:
    end(caller(house, "sip:555@pbx", "9999" * 3))
    again = caller(house, "sip:555@pbx")
    house.command(command="answer", number="555", menu=menu, request_id="q")

    assert again.told == []
    assert last(house)["event"] == "command_failed"
    assert "555 is locked out after wrong codes" in last(house)["error"]
    assert last(house)["request_id"] == "q"
    house.command(command="answer", number="555", menu={"message": "Please come to the door"})
    assert again.told == ["answer"]


def test_a_locked_out_caller_is_let_in_by_command_when_the_time_is_over(house: House) -> None:
    end(caller(house, "sip:555@pbx", "9999" * 3))
    again = caller(house, "sip:555@pbx")
    house.wait(30)
    house.command(command="answer", number="555", menu=PIN)
    assert again.told == ["answer"]


def test_a_lockout_ends_every_call_of_that_caller_that_asks_for_a_code(house: House) -> None:
    legs = [caller(house, "sip:555@pbx") for _ in range(2)]
    for digit in "9999" * 3:
        legs[0].peer.on_digit(digit)

    assert [leg.told[-1] for leg in legs] == ["hang_up None"] * 2
    assert house.names.count("pin_lockout") == 2


def test_a_right_code_forgives_the_wrong_ones(house: House) -> None:
    end(caller(house, "sip:555@pbx", "99998888" + "1234"))
    second = caller(house, "sip:555@pbx", "99998888")

    assert second.told == ["answer"]
