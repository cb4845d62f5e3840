"""Calls that are over are remembered for a while, and no longer."""

from __future__ import annotations

from hasip.sip.departed import REMEMBERED_S, Departed
from support.fake_clock import FakeClock


def test_a_call_is_known_by_its_id_and_the_peers_tag_for_a_while() -> None:
    clock = FakeClock()
    departed = Departed(clock.now)
    departed.add("1@a", "Xy")

    assert departed.has("1@a", "xY")
    assert not departed.has("1@a", "x")
    assert not departed.has("2@a", "Xy")

    clock.advance(REMEMBERED_S / 2)
    departed.add("2@a", "z")
    assert departed.has("1@a", "Xy")

    clock.advance(REMEMBERED_S / 2)
    departed.add("3@a", "z")
    assert not departed.has("1@a", "Xy")
    assert departed.has("2@a", "z")

    departed.came_back("2@a", "Z")
    assert not departed.has("2@a", "z")
