"""Which part is said to hang, where one is slow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from hasip.watch import health
from hasip.watch.health import HealthSocket
from hasip.watch.probe import WELL

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from hasip.loop import Loop


class SlowLoop:
    """Takes a message only after so many seconds."""

    def __init__(self, late_s: float) -> None:
        self._late_s = late_s

    def post(self, callback: Callable[[], None]) -> None:
        timer = threading.Timer(self._late_s, callback)
        timer.daemon = True
        timer.start()


def answers_after(late_s: float) -> Callable[[], Callable[[float], bool]]:
    """Return a way in for commands that is slow to answer."""

    def ask() -> Callable[[float], bool]:
        answered = threading.Event()
        threading.Timer(late_s, answered.set).start()
        return answered.wait

    return ask


def answer_of(
    loop_s: float, pulse: Callable[[Callable[[], None]], None], intake_s: float = 0
) -> str:
    """Return what is said of such a gateway."""
    socket = HealthSocket(
        "unused",
        cast("Loop", SlowLoop(loop_s)),
        pulse=pulse,
        intakes={"stdin": answers_after(intake_s)},
    )
    return socket._answer()


def test_what_is_slow_takes_no_time_from_what_is_asked_after_it() -> None:
    def pulse(done: Callable[[], None]) -> None:
        threading.Timer(1, done).start()

    # Of 3 s for all, 2 are over when it is the turn of what needs 1.5.
    assert answer_of(1, pulse, intake_s=1.5) == WELL


def test_the_seconds_that_are_said_are_those_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ALL_WITHIN_S", 1.5)
    monkeypatch.setattr(health, "PART_WITHIN_S", 1.0)
    answer = answer_of(0.7, lambda _: None)

    assert answer.startswith("pjsip has not turned for ")
    assert float(answer.split()[-2]) <= 0.8
    assert answer_of(2, lambda _: None) == "the loop has not turned for 1 s"


def test_what_hangs_is_logged_once_however_long_it_was_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "ALL_WITHIN_S", 0.2)
    loop = cast("Loop", SlowLoop(60))
    socket = HealthSocket("unused", loop, pulse=lambda _: None, intakes={})
    answers = set()
    for within_s in (0.1, 0.2):
        monkeypatch.setattr(health, "PART_WITHIN_S", within_s)
        answers.add(socket._answer())

    assert len(answers) == 2
    assert caplog.text.count("the loop has not turned") == 1
