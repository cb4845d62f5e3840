"""Our modules in pjsip, where something of them can't be made."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest

from hasip.sip import incoming, pjsip_module
from hasip.sip.doorman import Doorman
from hasip.sip.incoming import IncomingMessages
from hasip.sip.pjsip_module import Pjsip
from hasip.sip.strangers import Strangers
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from hasip.sip.packet import Packet


class FakePjsip:
    """Takes modules, and can do all else."""

    def __init__(self, room: int = 9) -> None:
        self.modules: list[bytes] = []
        self._room = room

    def add_module(self, name: bytes, *_: object) -> Callable[[], None]:
        if len(self.modules) == self._room:
            msg = "no more modules"
            raise OSError(msg)
        self.modules.append(name)
        return lambda: self.modules.remove(name)

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return any other function of it."""
        return lambda *_: None


def lacks_a_function(*_: object) -> None:
    msg = "undefined symbol"
    raise AttributeError(msg)


def strangers(*known: str) -> Strangers:
    return Strangers(
        FakeClock(),
        accepts=lambda source: source in known,
        is_learning=lambda: False,
        is_late=lambda: False,
        calls_per_s=2,
        calls_at_once=2,
    )


@pytest.mark.parametrize("part", ["NewRequests", "StrayRequests"])
def test_pjsip_asks_nobody_where_one_of_those_to_ask_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    pjsip = FakePjsip()
    monkeypatch.setattr(incoming, "Pjsip", lambda: pjsip)
    IncomingMessages(strangers())
    assert pjsip.modules == [b"mod-hasip-first", b"mod-hasip-new", b"mod-hasip-stray"]
    pjsip.modules.clear()
    monkeypatch.setattr(incoming, part, lacks_a_function)
    with pytest.raises(OSError, match="undefined symbol"):
        IncomingMessages(strangers())

    assert pjsip.modules == []


@pytest.mark.parametrize("room", range(3))
def test_pjsip_asks_nobody_where_it_takes_only_some_modules(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    pjsip = FakePjsip(room)
    monkeypatch.setattr(incoming, "Pjsip", lambda: pjsip)

    with pytest.raises(OSError, match="no more modules"):
        IncomingMessages(strangers())
    assert pjsip.modules == []


class FakePacket:
    """An INVITE outside of any call."""

    method, rdata, pool, names_dialog, call_id = "INVITE", 0, 0, False, b"1"

    def __init__(self, source: str | None, transport: int) -> None:
        self.source, self.transport = source, transport


def test_the_requests_of_strangers_keep_no_connection_open() -> None:
    doorman = Doorman(cast("Pjsip", FakePjsip()), strangers("10.0.0.1"))
    heard: list[int] = []
    doorman.heard_by = heard.append

    sources = ["6.6.6.6"] * 9 + [None] + ["10.0.0.1"] * 3
    taken = [
        doorman.take(cast("Packet", FakePacket(source, transport)))
        for transport, source in enumerate(sources)
    ]
    # Of another build's packets it is not known whose they are; the last call came too fast.
    assert heard == [9, 10, 11, 12]
    assert taken == [True] * 9 + [False] * 2 + [True] * 2


class FakeLibrary:
    """Takes a module, or not, and has its address as pjsip does."""

    def __init__(self, status: int) -> None:
        self.module: weakref.ref[Any] | None = None

        def register(_endpoint: ctypes.c_void_p, module: Any) -> int:
            self.module = weakref.ref(module._obj)
            return status

        self.pjsua_get_pjsip_endpt = lambda: 1
        self.pjsip_endpt_register_module = register


@pytest.mark.parametrize("status", [0, 70_001])
def test_what_pjsip_has_the_address_of_outlives_who_made_it(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    library = FakeLibrary(status)
    monkeypatch.setattr(pjsip_module, "c_library", lambda: library)

    try:
        Pjsip().add_module(b"mod-test", 1, lambda _: 0)
    except OSError:
        assert status
    gc.collect()

    assert library.module is not None
    assert library.module() is not None
