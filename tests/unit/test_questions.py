"""Names that callers choose take few threads of those that find our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hasip.sip.locate import Destination
from hasip.sip.questions import MOST_AT_ONCE, Questions
from hasip.workers import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.hop import Hops


class FakeHops:
    """Answers when it is told to; the servers of a name are its letters."""

    def __init__(self) -> None:
        self.asked: list[tuple[Destination, Callable[[Any], None]]] = []

    def locate(self, to: Destination, done: Callable[[Any], None]) -> None:
        self.asked.append((to, done))

    def answer(self) -> None:
        to, done = self.asked.pop(0)
        done(Done(tuple(to.host)))

    def found_before(self, _to: Destination) -> tuple[str, ...]:
        return ("old",)

    def keep_order(self, _to: Destination, targets: tuple[str, ...]) -> tuple[str, ...]:
        return targets

    def remember(self, *_: object) -> None:
        """Take note."""


def test_each_name_is_asked_for_once_at_a_time_and_few_at_once() -> None:
    hops, heard = FakeHops(), list[object]()
    questions = Questions(cast("Hops", hops))

    for name in ("ab", "ab", "b", "c", "d", "e", "ab"):
        questions.ask(Destination(name, None, None, is_address=False), heard.append)
    assert len(hops.asked) == MOST_AT_ONCE
    assert heard == [("old",)]
    hops.answer()
    assert heard[1:] == [("a", "b")] * 3
    questions.ask(Destination("e", None, None, is_address=False), heard.append)
    while hops.asked:
        hops.answer()
    assert heard[4:] == [("b",), ("c",), ("d",), ("e",)]
