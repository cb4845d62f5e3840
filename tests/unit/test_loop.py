"""The loop: order, timers, threads, and errors that must not end it."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

from hasip.errors import HaSipError
from hasip.loop import MOST_CANCELLED, Loop, WrongThreadError, _Collector
from hasip.workers import Done, Failed, WorkerPool
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import pytest


def test_messages_and_timers_run_in_their_order() -> None:
    clock = FakeClock()
    loop, ran = Loop(clock), []
    loop.call_later(2, lambda: ran.append("later"))
    loop.call_later(1, lambda: ran.append("sooner"))
    loop.post(lambda: ran.append("posted"))

    loop.run_pending()
    assert ran == ["posted"]
    clock.advance(5)
    loop.run_pending()

    assert ran == ["posted", "sooner", "later"]


def test_timers_that_are_cancelled_do_not_pile_up_until_they_are_due() -> None:
    clock = FakeClock()
    loop, ran = Loop(clock), []
    for number in range(10_000):
        timer = loop.call_later(300 - number / 100, lambda number=number: ran.append(number))
        if number % 1_000:
            timer.cancel()

    assert loop.armed_timers == 10
    assert loop.kept_timers < 2 * 10 + 2 * MOST_CANCELLED
    clock.advance(301)
    loop.run_pending()
    assert ran == list(range(9_000, -1, -1_000))


def test_a_cancelled_timer_does_not_fire_and_leaves_nothing() -> None:
    clock = FakeClock()
    loop, ran = Loop(clock), []
    timer = loop.call_later(1, lambda: ran.append("never"))
    timer.cancel()
    timer.cancel()
    clock.advance(2)
    loop.run_pending()

    assert ran == []
    assert loop.armed_timers == 0


def test_an_error_in_one_step_does_not_keep_the_next_from_running(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, ran = Loop(FakeClock()), []
    loop.post(lambda: 1 / 0)
    loop.post(lambda: ran.append("next"))

    loop.run_pending()

    assert ran == ["next"]
    assert "ZeroDivisionError" in caplog.text


def test_only_the_loop_thread_may_touch_the_loop() -> None:
    loop = Loop()
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            loop.call_later(1, lambda: None)
        except WrongThreadError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere, name="intruder")
    thread.start()
    thread.join(5)

    assert "intruder" in str(errors[0])


def test_running_wakes_for_a_message_from_another_thread_and_owns_garbage_collection() -> None:
    loop = Loop()
    collects: list[bool] = []

    def stop() -> None:
        collects.append(gc.isenabled())
        loop.stop()

    threading.Timer(0.05, lambda: loop.post(stop)).start()
    loop.run()

    assert collects == [False]
    assert gc.isenabled()


def test_no_garbage_is_collected_while_that_is_put_off() -> None:
    """A worker that reads a large menu makes 400,000 objects: to look through them takes 0.1 s."""
    loop = Loop()
    kept: list[list[int]] = []
    collections: list[str] = []
    seen: list[int] = []

    def fill() -> None:
        loop.put_off_collection(60)
        collections.clear()
        kept.extend([number] for number in range(60_000))

    def go_on() -> None:
        seen.append(len(collections))
        loop.resume_collection()

    def note(phase: str, _: dict[str, int]) -> None:
        collections.append(phase)

    gc.callbacks.append(note)
    for step in (fill, go_on, lambda: seen.append(len(collections)), loop.stop):
        loop.post(step)
    loop.run()
    gc.callbacks.remove(note)

    assert seen[0] == 0
    assert seen[1] > 0


def test_collection_is_put_off_until_the_last_reading_ends_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    collector, collected = _Collector(), list[int]()
    monkeypatch.setattr(gc, "get_count", lambda: (10**6, 0, 0))
    monkeypatch.setattr(gc, "collect", collected.append)

    def collects() -> bool:
        before = len(collected)
        collector.collect_if_due(clock.now(), idle=True)
        return len(collected) > before

    assert collects()
    collector.put_off(clock.now() + 5)
    collector.put_off(clock.now() + 5)
    collector.resume()
    assert not collects(), "one is under way still"
    collector.resume()
    assert collects()

    collector.put_off(clock.now() + 5)
    for _ in range(5):  # before each ends, the next has begun
        assert not collects()
        clock.advance(1)
        collector.put_off(clock.now() + 5)
        collector.resume()
    assert collects(), "the first began 5 s ago"
    collector.resume()
    collector.put_off(clock.now() + 5)
    assert not collects(), "this one is a first one again"


def test_jobs_of_a_pool_come_back_on_the_loop_with_value_or_reason() -> None:
    loop = Loop()
    pool = WorkerPool("pool", loop, threads=1, waiting=1)
    results: list[object] = []

    def fails() -> None:
        msg = "no way"
        raise HaSipError(msg)

    def take(result: object) -> None:
        loop.check()
        results.append(result)
        if len(results) == 3:
            loop.stop()

    pool.submit(lambda: 42, take)
    pool.submit(fails, take)
    pool.submit(lambda: 43, take)  # one works, one waits: there is no room for this
    loop.run()

    assert Done(42) in results
    reasons = sorted(str(result.error) for result in results if isinstance(result, Failed))
    assert reasons == ["no way", "pool: 1 jobs are waiting already; this one was not taken"]
    assert pool.unfinished == 0
