"""What a test that failed leaves for its reader: the log of every gateway it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 400


@pytest.fixture(autouse=True)
def _forget_gateways() -> None:
    GatewayProcess.started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[Any]:
    """Add the logs to the report."""
    report = yield
    if report.failed:
        for gateway in GatewayProcess.started:
            lines = "\n".join(gateway.lines[-MOST_LINES:])
            report.sections.append((f"log of the gateway {gateway.pid}", lines))
    return report
