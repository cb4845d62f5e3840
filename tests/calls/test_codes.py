"""Codes that callers type: guessing is slowed across calls, and nobody reads them in the log."""

from __future__ import annotations

import contextlib
import json
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
LONG_CODE = "9081726354"  # is no part of any other number by chance
WRONG = {"default": {"id": "wrong", "post_action": "return"}}


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


def test_codes_are_counted_over_accounts_and_those_of_an_account_over_callers(
    tmp_path: Path,
) -> None:
    """Codes of one digit here: each that is typed is one."""
    pin = {"choices_are_pin": True, "pin_lockout": 600, "choices": {"7": {"id": "in"}, **WRONG}}
    options = "--accept-from all"
    with (
        contextlib.ExitStack() as callers,
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={"menu": {"id": "code", **pin}},
            SIP1_OPTIONS=options,
            SIP2_ENABLED="true",
            SIP2_ID_URI="sip:garden@127.0.0.1",
            SIP2_ANSWER_MODE="accept",
            SIP2_SETTLE_TIME="0",
            SIP2_INCOMING_CALL_FILE=str(tmp_path / "incoming.yaml"),
            SIP2_OPTIONS=options,
        ) as gateway,
    ):
        count = dict.fromkeys(("call_established", "pin_failed", "call_disconnected"), 0)

        def wait_for(name: str, more: int = 1) -> None:
            count[name] += more
            house.wait(lambda: house.event_names.count(name) == count[name], f"{name} {count}")

        def try_codes(
            phone: Phone, digits: str, uri: str = gateway.uri, caller: str | None = None
        ) -> None:
            call = phone.call(uri, caller=caller).wait_answered()
            wait_for("call_established")
            call.type_digits(digits)
            wait_for("pin_failed", digits.count("0"))
            if "7" in digits:
                house.wait(lambda: [e for e in house.events if e.get("menu_id") == "in"], "in")
            call.hang_up()
            wait_for("call_disconnected")

        owner, thief = (callers.enter_context(Phone(name)) for name in ("owner", "thief"))
        try_codes(owner, "7")
        try_codes(thief, "00")
        assert "pin_lockout" not in house.event_names
        # The same caller, written otherwise, at another account, where he has only one try left.
        try_codes(thief, "0", gateway.uri.replace("house@", "garden@"), "sip:%74hief@127.0.0.1")
        failed = [event for event in house.events if event["event"] == "pin_failed"]
        assert [(e["sip_account"], e["attempts"]) for e in failed] == [(1, 1), (1, 2), (2, 3)]
        assert {event["menu_id"] for event in failed} == {"code"}
        assert house.wait_event("pin_lockout")["parsed_caller"] == "%74hief"
        # Ever new callers at one account: twelve wrong codes, two of which were the thief's.
        for number in range(5):
            assert house.event_names.count("pin_lockout") == 1
            try_codes(callers.enter_context(Phone(f"new{number}")), "00")
        house.wait(lambda: house.event_names.count("pin_lockout") == 2, "the account's lockout")

        # Nobody is answered who never typed a right code; who did is.
        unknown = callers.enter_context(Phone("unknown")).call(gateway.uri)
        unknown.wait_status(180)
        gateway.wait_log("[unknown] is locked out after wrong codes; only listening")
        try_codes(owner, "7")
        assert not unknown.is_answered.is_set()


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
        # Nor is it in what the gateway says of menus and calls.
        broken = {"choices_are_pin": True, "choices": {LONG_CODE: {"post_action": "fly"}}}
        gateway.command({"command": "answer", "number": "p", "menu": broken})
        gateway.command({"command": "state"})
        cut_off = json.dumps({"command": "answer", "menu": {"choices": {LONG_CODE: {}}}})[:-2]
        gateway.write(cut_off.encode() + b"\n")
        house.wait(lambda: house.event_names.count("command_failed") == 2, "two refusals")
        gateway.wait_log("Currently registered calls:")
        gateway.wait_log("Could not deserialize JSON")
        told = json.dumps([e for e in house.events if e["event"] != "dtmf_digit"])
        assert LONG_CODE not in told
        log = "\n".join(gateway.lines)
        assert LONG_CODE not in log
        for told in ("dtmf_digit: 4", "dtmf_digit: 7", "dtmf_digit: 1", "Signal=1", "digit 4"):
            assert told not in log
