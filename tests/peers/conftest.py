"""Servers that are started once for all tests that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.mosquitto import Mosquitto
from support.real_home_assistant import RELEASES, Furniture, RealHomeAssistant, Release, require

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def open_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Return a broker without passwords."""
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session", params=RELEASES, ids=lambda release: release.version)
def running_house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    open_broker: Mosquitto,
) -> Iterator[RealHomeAssistant]:
    """Return a Home Assistant with everything, one after the other of both releases."""
    release: Release = require(request.param)
    folder = tmp_path_factory.mktemp(f"home-assistant-{release.version}")
    with RealHomeAssistant(folder, release, Furniture(mqtt_port=open_broker.port)) as house:
        yield house


@pytest.fixture
def house(running_house: RealHomeAssistant) -> RealHomeAssistant:
    """Return a Home Assistant whose journal is empty and whose door is shut."""
    running_house.clear()
    return running_house
