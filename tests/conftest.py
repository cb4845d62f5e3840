"""What all tests have: their order, a shared line that is as new, and the logs of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import lane_plugin
from support.gateway import GatewayProcess
from support.lane import own_lane
from support.together import Together, put_last

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.open_line import OpenLine

MOST_LINES = 400
BEGINS = pytest.StashKey[dict[pytest.Item, list[Together]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Run tests that are marked `alone` by themselves, if there is another lane."""
    config.addinivalue_line("markers", lane_plugin.MARKER)
    lane = own_lane()
    if lane is not None:
        config.pluginmanager.register(lane_plugin.LanePlugin(lane))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put tests that wait last, while others run."""
    config.stash[BEGINS] = put_last(items)


@pytest.fixture(autouse=True)
def _begin_those_that_wait(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for together in request.config.stash[BEGINS].get(request.node, ()):
        together.begin(request.session.items, tmp_path_factory)


@pytest.fixture(autouse=True)
def _forget_gateways() -> None:
    GatewayProcess.started.clear()


@pytest.fixture
def line(shared_line: OpenLine, tmp_path: Path) -> OpenLine:
    """Return the `shared_line` of a file, as new and with a folder of the test's own."""
    shared_line.begin()
    shared_line.folder = tmp_path
    return shared_line


@pytest.fixture(scope="module")
def build(request: pytest.FixtureRequest) -> str:
    """Return the build of pjsua2 that a test is for; `on_builds` chooses others than the source."""
    return str(getattr(request, "param", "source"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[Any]:
    """Add the logs to the report."""
    report = yield
    if report.failed:
        for gateway in GatewayProcess.started:
            lines = "\n".join(gateway.lines[-MOST_LINES:])
            report.sections.append((f"log of the gateway {gateway.pid}", lines))
    return report
