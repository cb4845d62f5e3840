"""What goes wrong, and within which time after its end everything must work again."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.chaos.town import set_clock
from support.process import family
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.chaos.town import Town

SILENCE = (
    "add table inet chaos",
    "add chain inet chaos in { type filter hook input priority 0; }",
    'add rule inet chaos in iifname "lan" drop',
    "add chain inet chaos out { type filter hook output priority 0; }",
    'add rule inet chaos out oifname "lan" drop',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that begins, lasts, and ends."""

    name: str
    begin: Callable[[Town], None]
    end: Callable[[Town], None]
    limit_s: float  # from its end until all is well
    keeps_audio: bool = False  # the call that is up is heard all the time
    keeps_call: bool = True
    keeps_process: bool = True
    longest_s: float = 60.0  # that it lasts


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _fill(town: Town) -> None:
    with contextlib.suppress(OSError), (town.inside_disk / "filler").open("wb", 0) as file:
        while True:
            file.write(bytes(4096))


def _make_read_only(town: Town) -> None:
    wait_until(lambda: town.mount("-o", "remount,ro"), "a disk that nobody writes to")


def _make_writable(town: Town) -> None:
    town.mount("-o", "remount,rw")


def _break_names(town: Town) -> None:
    town.names.stop()
    with town.server.entered():
        town.broken_names.start()


def _mend_names(town: Town) -> None:
    town.broken_names.stop()
    with town.server.entered():
        town.names.start()


def _start_names(town: Town) -> None:
    with town.server.entered():
        town.names.start()


def _start_broker(town: Town) -> None:
    with town.server.entered():
        town.broker.start()


def _start_pbx(town: Town) -> None:
    with town.server.entered():
        town.pbx.start()


def _nothing(town: Town) -> None:
    """Do nothing: it was over as soon as it had happened."""


def _pull_cable(town: Town) -> None:
    town.server.ip("link", "set", "lan", "down")


def _plug_cable(town: Town) -> None:
    town.server.ip("link", "set", "lan", "up")


def _hours(hours: int) -> Callable[[Town], None]:
    return lambda town: set_clock(town.folder, hours)


def _gateways(town: Town, number: signal.Signals) -> None:
    _signal_all([town.gateway.pid, town.child], number)


def _all(registrar_s: float) -> tuple[Fault, ...]:
    return (
        Fault(
            name="Home Assistant hangs",
            begin=lambda town: town.home.goes_on.clear(),
            end=lambda town: town.home.goes_on.set(),
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="Home Assistant dies and returns",
            begin=lambda town: town.home.die(),
            end=lambda town: town.revive_home(),
            limit_s=25,
            keeps_audio=True,
        ),
        Fault(
            name="the broker hangs",
            begin=lambda town: town.broker.signal(signal.SIGSTOP),
            end=lambda town: town.broker.signal(signal.SIGCONT),
            limit_s=40,
            keeps_audio=True,
        ),
        Fault(
            name="the broker dies and returns",
            begin=lambda town: town.broker.kill(),
            end=_start_broker,
            limit_s=40,
            keeps_audio=True,
        ),
        Fault(
            name="the registrar hangs",
            begin=lambda town: _signal_all(family(town.pbx.pid), signal.SIGSTOP),
            end=lambda town: _signal_all(family(town.pbx.pid), signal.SIGCONT),
            limit_s=60,
            keeps_audio=True,
        ),
        Fault(
            name="the registrar dies and returns",
            begin=lambda town: town.pbx.stop(),
            end=_start_pbx,
            limit_s=registrar_s,
            keeps_audio=True,
        ),
        Fault(
            name="the disk is full",
            begin=_fill,
            end=lambda town: (town.inside_disk / "filler").unlink(),
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the disk is read-only",
            begin=_make_read_only,
            end=_make_writable,
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the clock jumps 5 h ahead",
            begin=_hours(5),
            end=_nothing,
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the clock jumps 10 h back",
            begin=_hours(-5),
            end=_nothing,
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the name server is gone",
            begin=lambda town: town.names.stop(),
            end=_start_names,
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the name server is silent",
            begin=lambda town: town.names.signal(signal.SIGSTOP),
            end=lambda town: town.names.signal(signal.SIGCONT),
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the name server says SERVFAIL",
            begin=_break_names,
            end=_mend_names,
            limit_s=20,
            keeps_audio=True,
        ),
        Fault(
            name="the cable is pulled",
            begin=_pull_cable,
            end=_plug_cable,
            limit_s=40,
        ),
        Fault(
            name="all packets are lost",
            begin=lambda town: town.server.rules(*SILENCE),
            end=lambda town: town.server.rules("delete table inet chaos"),
            limit_s=40,
        ),
        Fault(
            name="our address changes",
            begin=lambda town: town.move(),
            end=_nothing,
            limit_s=40,
            keeps_call=False,
        ),
        Fault(
            name="kill -9",
            begin=lambda town: os.kill(town.child, signal.SIGKILL),
            end=_nothing,
            limit_s=40,
            keeps_call=False,
            keeps_process=False,
        ),
        Fault(
            name="the machine sleeps",
            begin=lambda town: _gateways(town, signal.SIGSTOP),
            end=lambda town: _gateways(town, signal.SIGCONT),
            limit_s=40,
            keeps_call=False,
        ),
    )


def all_faults(transport: str) -> tuple[Fault, ...]:
    """Return every fault; by UDP a registrar that forgot us hears of us after 54 s at most."""
    return _all(70 if transport == "udp" else 30)
