"""Servers that are started once for all tests that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import blueprints
from support.app_gateway import can_enter
from support.mosquitto import Mosquitto
from support.open_line import OpenLine, open_line
from support.ports import free_port
from support.real_home_assistant import (
    RELEASES,
    Furniture,
    RealHomeAssistant,
    Release,
    require,
)
from support.require import MissingError, give_up
from support.supervisor import StandInSupervisor
from support.wyoming import WyomingEspeak

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def open_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Return a broker without passwords."""
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def possible_supervisor() -> Iterator[StandInSupervisor | MissingError]:
    """Return what stands between Home Assistant and its apps, or why it can't be here."""
    try:
        can_enter()
        supervisor = StandInSupervisor()
    except MissingError as error:
        yield error
        return
    with supervisor:
        yield supervisor


@pytest.fixture(scope="session", params=RELEASES, ids=lambda release: release.version)
def running_house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    open_broker: Mosquitto,
    possible_supervisor: StandInSupervisor | MissingError,
) -> Iterator[RealHomeAssistant]:
    """Return a Home Assistant with everything: both releases, one after the other."""
    release: Release = require(request.param)
    folder = tmp_path_factory.mktemp(f"home-assistant-{release.version}")
    supervisor = None if isinstance(possible_supervisor, MissingError) else possible_supervisor
    with WyomingEspeak() as engine:
        furniture = Furniture(
            mqtt_port=open_broker.port, wyoming_port=engine.port, blueprints=blueprints.FOLDER
        )
        with RealHomeAssistant(folder, release, furniture, supervisor=supervisor) as house:
            yield house


@pytest.fixture
def house(running_house: RealHomeAssistant) -> RealHomeAssistant:
    """Return a Home Assistant whose journal is empty and whose door is shut."""
    running_house.clear()
    return running_house


@pytest.fixture
def supervisor(
    house: RealHomeAssistant, possible_supervisor: StandInSupervisor | MissingError
) -> StandInSupervisor:
    """Return the Supervisor of the house."""
    if isinstance(possible_supervisor, MissingError):
        give_up("no apps of Home Assistant on this machine", possible_supervisor)
    possible_supervisor.house = house
    possible_supervisor.gateway = possible_supervisor.broker = None
    possible_supervisor.lines.clear()
    possible_supervisor.passed.clear()
    return possible_supervisor


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenLine]:
    """Return a gateway that calls a port where nobody listens."""
    with open_line(tmp_path_factory.mktemp("nobody")) as line:
        line.command("dial", f"sip:x@127.0.0.1:{free_port()}")
        yield line
