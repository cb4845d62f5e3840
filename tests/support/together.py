"""Tests that mostly wait, run at the same time: together they last as long as the longest.

    waiting = Together()


    @waiting
    def test_a_registrar_that_takes_10_s_is_waited_for(tmp_path: Path) -> None: ...

All tests of a file that are marked so begin when the first of them is due, each on a thread of its
own; with `ahead` they begin before all other tests of the file, which run meanwhile. Beside a
folder they take what `parametrize` gives them, and no fixtures.
"""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

LONGEST_S = 110.0
MOST_LINES = 200
FOLDER = "tmp_path"


class Together:
    """The tests of one file that wait."""

    def __init__(self, at_once: int = 5) -> None:
        self._at_once = at_once
        self._pool: ThreadPoolExecutor | None = None
        self._scenarios: dict[Any, Callable[..., None]] = {}  # by test
        self._running: dict[str, Future[None]] = {}

    def __call__(self, scenario: Callable[..., None]) -> Callable[..., None]:
        """Make a test of it."""

        def test(
            request: pytest.FixtureRequest,
            tmp_path_factory: pytest.TempPathFactory,
            **_: object,  # was known when it began
        ) -> None:
            self._begin(request.session.items, tmp_path_factory)
            self._running[request.node.nodeid].result(LONGEST_S)

        own = [one for name, one in inspect.signature(test).parameters.items() if name != "_"]
        given = inspect.signature(scenario).parameters
        more = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, one in given.items()
            if name != FOLDER
        ]
        test.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
        test.__module__, test.__qualname__ = scenario.__module__, scenario.__qualname__
        self._scenarios[test] = scenario
        return test

    def ahead(self) -> Any:
        """Return a fixture for the file, by which they begin before all of its other tests."""

        @pytest.fixture(scope="module", autouse=True)
        def begin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
            self._begin(request.session.items, tmp_path_factory)

        return begin

    def _begin(self, items: list[pytest.Item], folders: pytest.TempPathFactory) -> None:
        """Begin those that were chosen, unless they have begun."""
        if self._pool is not None:
            return
        self._pool = ThreadPoolExecutor(self._at_once, "together")
        for item in items:
            scenario = self._scenarios.get(getattr(item, "function", None))
            if scenario is not None:
                spec = getattr(item, "callspec", None)
                given = {} if spec is None else spec.params
                folder = folders.mktemp("together")
                self._running[item.nodeid] = self._pool.submit(_run, scenario, folder, given)


def _run(scenario: Callable[..., None], folder: Path, given: dict[str, Any]) -> None:
    try:
        scenario(folder, **given)
    except BaseException as error:
        for gateway in GatewayProcess.all_in(folder):
            lines = "\n".join(gateway.lines[-MOST_LINES:])
            error.add_note(f"log of the gateway {gateway.pid}:\n{lines}")
        raise
