"""The tables of `docs/home-assistant.md` are true: some test looks for every line of them."""

from __future__ import annotations

from pathlib import Path

from support.failures import FAILURES

TESTS = Path(__file__).parents[1]


def test_every_case_is_looked_for_by_a_test() -> None:
    texts = [
        path.read_text(encoding="utf-8")
        for folder in ("unit", "calls")
        for path in (TESTS / folder).glob("test_*.py")
        if path != Path(__file__)
    ]
    assert len(FAILURES) > 40
    for case in FAILURES:
        assert any(f'"{case}"' in text for text in texts), case


def test_an_ellipsis_stands_for_anything_and_nothing_else_does() -> None:
    failure = FAILURES["speech-empty"]
    assert failure.is_in("x\n" + failure.log.replace("…", "http://x"))
    assert not failure.is_in(failure.log.replace("…", "x").replace("empty", "full"))
