"""How a call ended, in a word and in a line."""

from __future__ import annotations

from typing import Any

import pytest

from hasip.calls.menu_file import MenuFile
from hasip.calls.outcome import CallEnd, EndCause, describe, outcome_of
from hasip.calls.screening import NumberFilter, NumberPatterns
from hasip.events.model import CallDisconnected, Direction, Outcome, Side
from support.house import FakeLeg, House

IN, OUT = Direction.INCOMING, Direction.OUTGOING
WE, THEY = Side.LOCAL, Side.REMOTE
RANG: dict[str, Any] = {"has_rung": True}
UP: dict[str, Any] = {"was_answered": True}


def because(cause: EndCause, **more: Any) -> dict[str, Any]:
    return {"cause": cause, **more}


@pytest.mark.parametrize(
    ("direction", "sip_code", "by", "more", "outcome"),
    [
        # what others answer to us
        (OUT, 486, THEY, RANG, "busy"),
        (OUT, 600, THEY, {}, "busy"),
        (OUT, 603, THEY, RANG, "declined"),
        (OUT, 607, THEY, {}, "declined"),
        (OUT, 480, THEY, RANG, "no_answer"),
        (OUT, 408, THEY, RANG, "no_answer"),
        (OUT, 487, THEY, RANG, "no_answer"),
        (OUT, 480, THEY, {}, "unreachable"),
        (OUT, 408, THEY, {}, "unreachable"),
        (OUT, 502, THEY, {}, "unreachable"),
        (OUT, 503, THEY, {}, "unreachable"),
        (OUT, 504, THEY, RANG, "unreachable"),
        (OUT, 404, THEY, {}, "not_found"),
        (OUT, 484, THEY, {}, "not_found"),
        (OUT, 604, THEY, {}, "not_found"),
        (OUT, 401, THEY, {}, "forbidden"),
        (OUT, 403, THEY, {}, "forbidden"),
        (OUT, 407, THEY, {}, "forbidden"),
        (OUT, 488, THEY, {}, "not_acceptable"),
        (OUT, 606, THEY, RANG, "not_acceptable"),
        (OUT, 302, THEY, {}, "redirected"),
        (OUT, 482, THEY, {}, "failed"),
        (OUT, 0, THEY, {}, "failed"),
        # what we end before there is an answer
        (OUT, 487, WE, RANG, "cancelled"),
        (OUT, 487, WE, because(EndCause.HANG_UP), "cancelled"),
        (OUT, 487, WE, because(EndCause.RING_TIMEOUT, has_rung=True), "no_answer"),
        # a call that was up
        (OUT, 200, THEY, UP, "completed"),
        (IN, 200, WE, because(EndCause.HANG_UP, was_answered=True), "completed"),
        (OUT, 408, THEY, UP, "lost"),
        (IN, 481, THEY, UP, "lost"),
        (IN, 200, WE, because(EndCause.PIN_LOCKOUT, was_answered=True), "pin_lockout"),
        (IN, 200, WE, because(EndCause.NO_RTP, was_answered=True), "no_audio"),
        (OUT, 200, WE, because(EndCause.TRANSFERRED, was_answered=True), "transferred"),
        (OUT, 200, THEY, because(EndCause.TRANSFERRED, was_answered=True), "transferred"),
        # calls that come in and are not answered
        (IN, 487, THEY, {}, "missed"),
        (IN, 480, WE, because(EndCause.RING_TIMEOUT), "missed"),
        (IN, 487, THEY, {"is_filtered": True}, "filtered"),
        (IN, 487, THEY, {"is_taken_elsewhere": True}, "answered_elsewhere"),
        (IN, 487, THEY, {"is_taken_elsewhere": True, "is_filtered": True}, "answered_elsewhere"),
        (IN, 480, WE, because(EndCause.RING_TIMEOUT, is_filtered=True), "filtered"),
        (IN, 603, WE, because(EndCause.HANG_UP), "rejected"),
        (IN, 500, WE, because(EndCause.BROKEN), "failed"),
        (IN, 500, THEY, {}, "failed"),
    ],
)
def test_calls_that_end_are_told_apart(
    direction: Direction, sip_code: int, by: Side, more: dict[str, Any], outcome: str
) -> None:
    facts = {"was_answered": False, **more}
    end = CallEnd(direction=direction, sip_code=sip_code, hangup_by=by, **facts)

    assert outcome_of(end) == outcome


def ended(outcome: Outcome, by: Side = THEY, code: int = 200, duration_s: float = 0.0) -> str:
    return describe(
        CallDisconnected(
            sip_code=code, sip_reason="R", duration_s=duration_s, hangup_by=by, outcome=outcome
        )
    )


def test_the_log_says_it_in_words_with_code_and_duration() -> None:
    assert ended(Outcome.BUSY, code=486) == ("the call ended: the other side is busy (busy; 486 R)")
    assert ended(Outcome.COMPLETED, WE, duration_s=12.3) == (
        "the call ended: we hung up (completed; 200 R), after 12 s"
    )
    assert "the other side hung up" in ended(Outcome.COMPLETED)
    assert len({ended(outcome) for outcome in Outcome}) == len(Outcome)


@pytest.fixture
def house() -> House:
    return House()


def test_a_phone_that_rang_and_said_480_did_not_answer(house: House) -> None:
    for rings, outcome in ((False, "unreachable"), (True, "no_answer")):
        house.command(command="dial", number="sip:a@b")
        leg = house.lines[1].legs[-1]
        if rings:
            leg.peer.on_ringing()
        leg.peer.on_disconnected(480, "Temporarily Unavailable", THEY)

        assert house.events[-1]["outcome"] == outcome


def test_our_own_reasons_are_told(house: House) -> None:
    house.command(command="dial", number="sip:a@b", ring_timeout=5)
    house.wait(5)
    house.lines[1].legs[-1].peer.on_disconnected(487, "Request Terminated", WE)
    assert house.events[-1]["outcome"] == "no_answer"

    leg = house.dial()
    house.command(command="transfer", number="sip:a@b", transfer_to="sip:c@d")
    leg.peer.on_transfer(200, "OK", is_final=True)
    leg.peer.on_disconnected(200, "OK", WE)
    assert house.events[-1]["outcome"] == "transferred"


def test_a_caller_whom_the_filter_keeps_out_is_told_from_a_missed_call(house: House) -> None:
    only_555 = MenuFile(filter=NumberFilter(allowed=NumberPatterns(["555"])))
    for caller, outcome in (("555", "missed"), ("666", "filtered")):
        leg = FakeLeg(f"<sip:{caller}@y>")
        house.desk.incoming(leg, house.lines[1], only_555)
        leg.peer.on_disconnected(487, "Request Terminated", THEY)

        assert house.events[-1]["outcome"] == outcome
    house.desk.incoming(refused := FakeLeg("<sip:1@y>"), house.lines[3], MenuFile())
    refused.peer.on_disconnected(603, "Decline", WE)
    assert house.events[-1]["outcome"] == "rejected"
