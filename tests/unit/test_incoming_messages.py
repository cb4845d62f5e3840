"""Our modules in pjsip, where something of them can't be made."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from hasip.sip import incoming, pjsip_module
from hasip.sip.incoming import IncomingMessages
from hasip.sip.pjsip_module import Pjsip
from hasip.sip.strangers import Strangers
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable


class FakePjsip:
    """Takes modules, and can do all else."""

    def __init__(self) -> None:
        self.modules: list[bytes] = []

    def add_module(self, name: bytes, *_: object) -> None:
        self.modules.append(name)

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return any other function of it."""
        return lambda *_: None


def lacks_a_function(*_: object) -> None:
    msg = "undefined symbol"
    raise AttributeError(msg)


@pytest.mark.parametrize("part", ["NewRequests", "StrayRequests"])
def test_pjsip_asks_nobody_where_one_of_those_to_ask_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    pjsip = FakePjsip()
    monkeypatch.setattr(incoming, "Pjsip", lambda: pjsip)
    strangers = Strangers(
        FakeClock(),
        accepts=lambda _: True,
        is_learning=lambda: False,
        is_late=lambda: False,
        calls_per_s=1,
        calls_at_once=1,
    )

    IncomingMessages(strangers)
    assert pjsip.modules == [b"mod-hasip-first", b"mod-hasip-new", b"mod-hasip-stray"]
    pjsip.modules.clear()
    monkeypatch.setattr(incoming, part, lacks_a_function)
    with pytest.raises(OSError, match="undefined symbol"):
        IncomingMessages(strangers)

    assert pjsip.modules == []


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
