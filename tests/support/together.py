"""Tests that mostly wait, run at the same time: together they last as long as the longest.

    waiting = Together()


    @waiting
    def test_a_registrar_that_takes_10_s_is_waited_for(tmp_path: Path) -> None: ...

All tests of a file that are marked so begin when the first of them is due, each on a thread of its
own. With `ahead` they begin before all other tests of the file, or of the one before it where there
are none; other tests run meanwhile, of other files as well, and theirs come at the very end. That
is not for tests that measure, or load the machine. Beside a folder they take what `parametrize`
gives them, and no fixtures.
"""

from __future__ import annotations

import inspect
import queue
import threading
import time
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from support.gateway import GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

LONGEST_S = 110.0
APART_S = 0.5  # a start takes as much of a processor, which the test in front needs, too
MOST_LINES = 200
FOLDER = "tmp_path"


class Together:
    """The tests of one file that wait."""

    def __init__(self, at_once: int = 5, *, ahead: bool = False) -> None:
        self.ahead = ahead
        self._at_once = at_once
        self._scenarios: dict[Any, Callable[..., None]] = {}  # by test
        self._running: dict[str, tuple[Future[None], Path]] = {}

    def __call__(self, scenario: Callable[..., None]) -> Callable[..., None]:
        """Make a test of it."""

        def test(
            request: pytest.FixtureRequest,
            tmp_path_factory: pytest.TempPathFactory,
            **_: object,  # was known when it began
        ) -> None:
            self.begin(request.session.items, tmp_path_factory)
            _wait_for(*self._running[request.node.nodeid])

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
        test.together = self  # type: ignore[attr-defined]
        self._scenarios[test] = scenario
        return test

    def begin(self, items: list[pytest.Item], folders: pytest.TempPathFactory) -> None:
        """Begin those that were chosen, unless they have begun."""
        if self._running:
            return
        due: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        for item in items:
            scenario = self._scenarios.get(getattr(item, "function", None))
            if scenario is not None:
                spec = getattr(item, "callspec", None)
                given = {} if spec is None else spec.params
                folder, future = folders.mktemp("together"), Future[None]()
                self._running[item.nodeid] = future, folder
                if FOLDER in inspect.signature(scenario).parameters:
                    given = {**given, FOLDER: folder}
                due.put(partial(_run, future, partial(scenario, **given), folder))
        for number in range(self._at_once):
            rest_s = number * APART_S if self.ahead else 0.0
            # One that hangs must not keep the program from its end.
            threading.Thread(
                target=_work_off, args=(due, rest_s), name="together", daemon=True
            ).start()


def put_last(items: list[pytest.Item]) -> dict[pytest.Item, list[Together]]:
    """Move those that begin ahead to the end; returns the tests before which they begin."""
    others = [item for item in items if _ahead(item) is None]
    first: dict[Path, pytest.Item] = {}
    for item in others:
        first.setdefault(item.path, item)
    begins: dict[pytest.Item, list[Together]] = {}
    placed: set[Together] = set()
    before = None
    for item in items:
        together = _ahead(item)
        if together is None:
            before = first[item.path]
        elif together not in placed:
            placed.add(together)
            place = first.get(item.path, before)
            if place is not None:
                begins.setdefault(place, []).append(together)
    items[:] = [*others, *(item for item in items if _ahead(item) is not None)]
    return begins


def _ahead(item: pytest.Item) -> Together | None:
    together: Together | None = getattr(getattr(item, "function", None), "together", None)
    return together if together is not None and together.ahead else None


def _work_off(due: queue.SimpleQueue[Callable[[], None]], rest_s: float) -> None:
    time.sleep(rest_s)
    while True:
        try:
            run = due.get_nowait()
        except queue.Empty:
            return
        run()


def _run(future: Future[None], scenario: Callable[[], None], folder: Path) -> None:
    try:
        scenario()
    except BaseException as error:
        _add_logs(error, folder)
        future.set_exception(error)
    else:
        future.set_result(None)


def _wait_for(future: Future[None], folder: Path) -> None:
    """Wait for the end of one; one that takes too long has its gateways ended."""
    if not wait([future], LONGEST_S).done:
        error = TimeoutError(f"not over {LONGEST_S} s after its turn")
        for gateway in _add_logs(error, folder):
            gateway.kill()
        raise error
    future.result()


def _add_logs(error: BaseException, folder: Path) -> list[GatewayProcess]:
    """Add what the gateways of a scenario said; returns them."""
    gateways = GatewayProcess.all_in(folder)
    for gateway in gateways:
        lines = "\n".join(gateway.lines[-MOST_LINES:])
        error.add_note(f"log of the gateway {gateway.pid}:\n{lines}")
    return gateways
