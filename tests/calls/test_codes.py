"""Codes that callers type: guessing is slowed across calls, and nobody reads them in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

PIN: dict[str, Any] = {
    "choices_are_pin": True,
    "pin_lockout": 2.5,
    "choices": {
        "4711": {"id": "owner", "action": {"domain": "lock", "service": "unlock"}},
        "default": {"id": "wrong", "post_action": "return"},
    },
}


def test_guessing_is_slowed_across_calls(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={"menu": PIN}) as gateway,
        Phone("thief") as thief,
        Phone("owner") as owner,
    ):

        def established(count: int) -> None:
            house.wait(lambda: house.event_names.count("call_established") == count, "up")

        first = thief.call(gateway.uri).wait_answered()
        established(1)
        first.type_digits("00001111")
        house.wait(lambda: house.event_names.count("entered_menu") == 2, "two wrong codes")
        first.hang_up()
        second = thief.call(gateway.uri).wait_answered()
        established(2)
        second.type_digits("2222")
        second.wait_ended()
        third = thief.call(gateway.uri)  # at once, as long as he is locked out
        assert second.ended_by_peer
        assert house.wait_event("pin_lockout")["lockout"] == 2.5
        third.wait_status(180)
        gateway.wait_log("is locked out after wrong codes; only listening")
        other = owner.call(gateway.uri).wait_answered()
        established(3)
        other.type_digits("4711")
        house.wait_service("lock/unlock")
        assert not third.is_answered.is_set()
        third.cancel()
        third.wait_ended()

        # The time is over: who knows the code gets in.
        def is_answered() -> bool:
            call = thief.call(gateway.uri)
            call.wait_status(180)
            if call.is_answered.wait(0.3):
                return True
            call.cancel()  # may meet the answer
            wait_until(lambda: call.is_ended.is_set() or call.is_answered.is_set(), "either")
            return call.is_answered.is_set()

        house.wait(is_answered, "an answer after the lockout")


@pytest.mark.parametrize("mask_pin", [False, True])
def test_a_code_is_in_no_log_and_in_events_unless_they_are_masked(
    tmp_path: Path,
    mask_pin: bool,  # noqa: FBT001
) -> None:
    menu = {"menu": {**PIN, "mask_pin": mask_pin}}
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=menu, LOG_LEVEL="6") as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        call.type_digits("47")
        house.wait(lambda: house.event_names.count("dtmf_digit") == 2, "two digits")
        call.type_by_info("11")
        house.wait_service("lock/unlock")
        # Events go out beside the service: that one is there says nothing of the others.
        house.wait(lambda: house.event_names.count("dtmf_digit") == 4, "four digits")

        digits = [e["digit"] for e in house.events if e["event"] == "dtmf_digit"]
        assert "".join(digits) == ("****" if mask_pin else "4711")
        assert len(gateway.wait_lines("dtmf_digit: *", 4)) == 4
        log = "\n".join(gateway.lines)
        for told in ("dtmf_digit: 4", "dtmf_digit: 7", "dtmf_digit: 1", "Signal=1", "digit 4"):
            assert told not in log
