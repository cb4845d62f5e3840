"""Whether a call is answered: mode, filters, delays; and what a peer may ask for in a call."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import support
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.source_build import python_of

WEDGES = Path(support.__file__).parent / "wedges"


def test_reject_mode_sends_the_code_that_is_set_and_still_tells(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            SIP2_ENABLED="on",
            SIP2_ID_URI="sip:closed@127.0.0.1",
            SIP2_ANSWER_MODE="REJECT",
            SIP2_OPTIONS="--reject-sip-code 488",
        ) as gateway,
        Phone("visitor") as phone,
    ):
        call = phone.call(f"sip:closed@127.0.0.1:{gateway.port}")
        call.wait_status(488)

        told = house.wait_event("incoming_call")
        assert told["sip_account"] == 2
        assert house.wait_event("call_disconnected")["sip_code"] == 488


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_a_call_that_cannot_be_answered_is_refused(tmp_path: Path, build: str) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={},
            python=python_of(build),
            WEDGE="answer",
            PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{WEDGES}",
        ) as gateway,
        Phone("visitor") as phone,
    ):
        phone.call(gateway.uri).wait_status(500)

        ended = house.wait_event("call_disconnected")
        assert ended["sip_code"] == 500
        assert "wedged" in ended["sip_reason"]
        gateway.wait_log("cannot answer with 200: wedged")
        gateway.command({"command": "state"})
        gateway.wait_log("No active calls.")


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_an_invite_that_is_sent_again_is_no_new_call(tmp_path: Path, build: str) -> None:
    """So many new ones would get 503."""
    with (
        GatewayProcess(tmp_path, SIP1_ANSWER_MODE="listen", python=python_of(build)) as gateway,
        Phone("visitor") as phone,
    ):
        call = phone.call(gateway.uri)
        call.wait_status(180)
        for _ in range(120):
            call.send_invite_again()
        phone.ping(gateway.address)  # is answered when those were
        call.cancel()
        call.wait_status(487)

        assert {code for _, code in call.statuses} <= {100, 180, 487}
        assert len(gateway.wait_lines("Removing call", 1)) == 1


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [('SIP;cause=200;text="Call completed elsewhere"', "answered_elsewhere"), (None, "missed")],
)
def test_a_call_that_another_phone_took_is_not_missed(
    tmp_path: Path, reason: str | None, outcome: str
) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_ANSWER_MODE="listen") as gateway,
        Phone("visitor") as phone,
    ):
        call = phone.call(gateway.uri)
        call.wait_status(180)
        call.cancel(reason)
        call.wait_ended()
        assert house.wait_event("call_disconnected")["outcome"] == outcome


@pytest.mark.parametrize(
    ("caller", "is_answered"), [("5551234", True), ("555", True), ("666", False)]
)
def test_filters_decide_who_is_answered(tmp_path: Path, caller: str, is_answered: bool) -> None:  # noqa: FBT001
    file = {"allowed_numbers": ["555{*}"], "answer_after": 0.2, "menu": {"id": "m"}}
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=file) as gateway,
        Phone(caller) as phone,
    ):
        call = phone.call(gateway.uri)
        call.wait_status(180)
        if is_answered:
            call.wait_answered()
            answered_at = next(at for at, status in call.statuses if status == 200)
            assert answered_at - call.began_at >= 0.2
        else:
            house.wait_event("incoming_call")
            time.sleep(0.6)  # three times as long as the others wait
            assert not call.is_answered.is_set()


def test_a_blocked_number_is_not_answered_in_whatever_way_it_is_written(tmp_path: Path) -> None:
    file = {"blocked_numbers": ["5551234"], "menu": {"id": "m"}}
    written = ["%35551234", "555-1234", "5551234:x"]
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=file) as gateway,
        Phone("blocked") as phone,
    ):
        for count, caller in enumerate(["tel:555.1234", *(f"sip:{one}@h" for one in written)], 1):
            call = phone.call(gateway.uri, caller=caller)
            call.wait_status(180)
            house.wait(lambda: house.event_names.count("incoming_call") == count, caller)  # noqa: B023
            call.cancel()
            call.wait_ended()
            house.wait(lambda: house.event_names.count("call_disconnected") == count, caller)  # noqa: B023
            assert not call.is_answered.is_set()
        phone.call(gateway.uri, caller="sip:%35551235@h").wait_answered()

        ends = [event for event in house.events if event["event"] == "call_disconnected"]
        assert [event["outcome"] for event in ends] == ["filtered"] * 4
        # Events show what came.
        assert [event["parsed_caller"] for event in ends] == ["555.1234", *written]


def test_both_filters_at_once_answer_nobody_and_say_so(tmp_path: Path) -> None:
    file = {"allowed_numbers": ["1"], "blocked_numbers": ["2"]}
    with GatewayProcess(tmp_path, menu_file=file) as gateway, Phone("1") as phone:
        gateway.wait_log("Account 1 only listens")
        call = phone.call(gateway.uri)
        call.wait_status(180)
        time.sleep(0.4)
        assert not call.is_answered.is_set()


def test_a_refer_is_declined_and_the_call_goes_on(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, menu_file={}) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()

        assert call.refer("sip:premium@127.0.0.1:9") == 603
        gateway.wait_log("asked to be transferred")
        assert not call.is_ended.is_set()
        assert phone.ping(gateway.address) < 2


def test_a_redirected_dial_reaches_the_other_phone(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house) as gateway,
        Phone("new") as new,
        Phone("old", redirect_to=new.uri) as old,
    ):
        gateway.command({"command": "dial", "number": old.uri})
        call = new.wait_call().wait_answered()
        house.wait_event("call_established")
        gateway.command({"command": "hangup", "number": "old"})
        call.wait_ended()

        assert house.wait_event("call_disconnected")["sip_code"] == 200
