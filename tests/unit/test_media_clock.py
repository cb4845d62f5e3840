"""When the clock of media runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.errors import SipError
from hasip.loop import Loop
from hasip.sip.media_clock import STARTS_AGAIN_S, STOPS_AFTER_S, MediaClock
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest


def test_it_runs_through_calls_that_follow_each_other_and_stops_after_the_last() -> None:
    time, done = FakeClock(), list[str]()
    loop = Loop(time)
    clock = MediaClock(loop, lambda: done.append("start"), lambda: done.append("stop"))

    for _ in range(3):
        clock.call_began()
        clock.last_call_ended()
        time.advance(STOPS_AFTER_S - 1)
        loop.run_pending()
    clock.call_began()
    time.advance(STOPS_AFTER_S + 1)
    loop.run_pending()
    assert done == ["start"]

    clock.last_call_ended()
    time.advance(STOPS_AFTER_S)
    loop.run_pending()
    clock.call_began()
    assert done == ["start", "stop", "start"]


def test_where_it_cannot_start_it_is_tried_again_while_there_are_calls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time, done, is_broken = FakeClock(), list[str](), [True]
    loop = Loop(time)

    def start() -> None:
        done.append("start")
        if is_broken[0]:
            msg = "cannot start the clock of media: no threads"
            raise SipError(msg)

    clock = MediaClock(loop, start, lambda: done.append("stop"))

    def pass_time(seconds: float) -> None:
        for _ in range(round(seconds / STARTS_AGAIN_S)):
            time.advance(STARTS_AGAIN_S)
            loop.run_pending()

    clock.call_began()
    pass_time(3)
    assert done == ["start"] * 4
    clock.last_call_ended()
    pass_time(2 * STOPS_AFTER_S)
    assert done == ["start"] * 4  # and nothing to stop
    clock.call_began()
    is_broken[0] = False
    pass_time(5)

    assert done == ["start"] * 6
    first, last = caplog.messages
    assert "no threads; calls stay silent until it runs" in first
    assert "runs now" in last
