"""What a pytest does that is one of two lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.terminal import TerminalReporter

    from support.lane import Lane

MARKER = "alone: it measures or loads the machine; no test of the other lane is run meanwhile"
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


class LanePlugin:
    """Takes turns with the other lane, and writes down how many tests ended how."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Run a test, and the fixtures that it is the first or the last to need."""
        with self._lane.turn(alone=item.get_closest_marker("alone") is not None):
            return (yield)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Write down the outcomes."""
        stats = terminalreporter.stats
        self._lane.write_counts({name: len(stats[name]) for name in OUTCOMES if stats.get(name)})
