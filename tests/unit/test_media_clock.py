"""When the clock of media runs."""

from __future__ import annotations

from hasip.loop import Loop
from hasip.sip.media_clock import STOPS_AFTER_S, MediaClock
from support.fake_clock import FakeClock


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
