"""A call to a port where nobody listens; it was begun by `test_outcomes.py` if that has run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.open_line import OpenLine

# RFC 3261 §17.1.1.2: for so long an INVITE is repeated that nobody answers.
TIMER_B_S = 32.0


def test_nobody_is_unreachable_when_all_tries_are_over(nobody: OpenLine) -> None:
    event = nobody.house.wait_event("call_disconnected", TIMER_B_S + 5)
    said = nobody.gateway.wait_log("the call ended: ")

    assert (event["outcome"], event["sip_code"], event["duration"]) == ("unreachable", 408, 0)
    assert "the other side or its server can't be reached (unreachable; 408" in said
