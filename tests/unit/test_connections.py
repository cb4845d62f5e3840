"""What is kept of connections, and what the kernel is told to do about them."""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, cast

import pytest

from hasip.sip.connections import Connections
from hasip.sip.gate import Gate
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

NO_PORT = 0


@pytest.fixture
def threads_in_turn() -> Iterator[None]:
    """Have threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("threads_in_turn")
def test_connections_may_end_on_one_thread_while_others_come_on_another() -> None:
    connections = Connections(FakeClock(), Gate(NO_PORT), lambda _: None, lambda _: None)
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            connections.came(1, "192.0.2.1", is_tls=True)
            connections.went(1)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for transport in range(2, 2_000):
            connections.came(transport, "192.0.2.2", is_tls=False)
            connections.sweep()
            connections.went(transport - 100)
    finally:
        is_over.set()
        other.join()

    assert connections.count == 100


class Refusing:
    """A listener whose kernel has no filters, as in a sandbox."""

    def __init__(self, error: int) -> None:
        self._error = error

    def setsockopt(self, *_: object) -> None:
        raise OSError(self._error, os.strerror(self._error))


def gate_before(*errors: int) -> Gate:
    gate = Gate(NO_PORT)
    gate.listeners += [cast("socket.socket", Refusing(error)) for error in errors]
    return gate


def test_a_kernel_that_holds_nobody_back_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    gate = gate_before(errno.ENOPROTOOPT, errno.EPERM)
    for _ in range(2):
        gate.shut()
        gate.open()

    (said,) = caplog.messages
    assert "does not hold back new connections (Protocol not available)" in said


def test_a_filter_that_was_not_there_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    gate_before(errno.ENOENT).open()

    assert not caplog.messages
