"""Health of the thread that reads MQTT: with a connection, without one, and before the first."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from hasip.loop import Loop
from hasip.mqtt import connection as module
from hasip.mqtt.connection import TRIES_WITHIN_S, TURNS_WITHIN_S, Connection, Outgoing, Version
from hasip.settings.model import Mqtt
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = SimpleNamespace(is_failure=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.now))
    return clock


@pytest.fixture
def hanging(clock: FakeClock) -> Iterator[Connection]:
    """Return one whose network thread hangs in its first try to connect."""
    is_over, hangs = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        is_over.wait(60)
        raise OSError

    settings = Mqtt(address="127.0.0.1", instance="health")
    connection = Connection(Loop(clock), settings, Version.V5, Mock(), lambda _: None)
    connection._client._create_socket = hang  # type: ignore[method-assign,assignment]
    connection.start(Outgoing(topic="hasip/state", payload=b"off"))
    assert hangs.wait(10)
    yield connection
    connection.close()
    is_over.set()


def test_a_thread_that_hangs_in_its_first_try_is_not_well_after_a_while(
    hanging: Connection, clock: FakeClock
) -> None:
    clock.advance(TRIES_WITHIN_S - 1)
    assert hanging.is_well

    clock.advance(2)
    assert not hanging.is_well


def test_a_broker_that_is_away_for_long_is_no_fault_of_the_thread(
    hanging: Connection, clock: FakeClock
) -> None:
    for _ in range(10):
        clock.advance(TRIES_WITHIN_S - 1)
        assert hanging.is_well
        hanging._on_connect_fail()


def test_a_thread_that_hangs_after_a_connection_was_lost_is_not_well_after_a_while(
    hanging: Connection, clock: FakeClock
) -> None:
    hanging._on_turn()
    clock.advance(TURNS_WITHIN_S + 1)
    assert not hanging.is_well

    hanging._on_disconnect(None, None, None, LOST)
    clock.advance(TRIES_WITHIN_S - 1)
    assert hanging.is_well

    clock.advance(2)
    assert not hanging.is_well
