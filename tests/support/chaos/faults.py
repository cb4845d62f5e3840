"""What goes wrong, and within which time after its end everything must work again."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from support.chaos.sight import says, stops
from support.process import family
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.chaos.sight import Sight
    from support.chaos.town import Town
    from support.server import Server

SILENCE = (
    "add table inet chaos",
    "add chain inet chaos in { type filter hook input priority 0; }",
    'add rule inet chaos in iifname "lan" drop',
    "add chain inet chaos out { type filter hook output priority 0; }",
    'add rule inet chaos out oifname "lan" drop',
)
NO_NAMES = "in name resolution|Name or service not known|cannot be resolved"


class Line(Enum):
    """What becomes of the call that is up meanwhile."""

    HEARD = auto()  # all the time
    UP = auto()  # it is up afterwards, and may have been silent
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that begins, and either lasts and ends or is over at once."""

    name: str
    begin: Callable[[Town], object]
    is_felt: Callable[[Sight], bool]  # it does not end before; one that never is has failed
    end: Callable[[Town], object] | None = None
    lasts_s: float = 0.0  # at least
    limit_s: float = 20.0  # until it is felt, and from its end until all is well
    line: Line = Line.HEARD
    keeps_process: bool = True


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _fill(town: Town) -> None:
    with contextlib.suppress(OSError), (town.inside_disk / "filler").open("wb", 0) as file:
        while True:
            file.write(bytes(4096))


def _make_read_only(town: Town) -> None:
    wait_until(lambda: town.mount("-o", "remount,ro"), "a disk that nobody writes to")


def _break_names(town: Town) -> None:
    town.names.stop()
    with town.server.entered():
        town.broken_names.start()


def _mend_names(town: Town) -> None:
    town.broken_names.stop()
    with town.server.entered():
        town.names.start()


def _start(part: Callable[[Town], Server]) -> Callable[[Town], None]:
    def start(town: Town) -> None:
        with town.server.entered():
            part(town).start()

    return start


def _cable(state: str) -> Callable[[Town], object]:
    return lambda town: town.server.ip("link", "set", "lan", state)


def _hours(hours: int) -> Callable[[Town], None]:
    return lambda town: town.move_clock(hours)


def _pbx(number: signal.Signals) -> Callable[[Town], None]:
    return lambda town: _signal_all(family(town.pbx.pid), number)


def _machine(number: signal.Signals) -> Callable[[Town], None]:
    return lambda town: _signal_all([town.gateway.pid, town.child], number)


def _child(number: signal.Signals) -> Callable[[Town], None]:
    return lambda town: os.kill(town.child, number)


FAULTS = (
    Fault(
        name="Home Assistant hangs",
        begin=lambda town: town.home.goes_on.clear(),
        is_felt=lambda sight: sight.holds_events_back(1),
        end=lambda town: town.home.goes_on.set(),
    ),
    Fault(
        name="Home Assistant dies and returns",
        begin=lambda town: town.home.die(),
        is_felt=lambda sight: sight.holds_events_back(0),
        end=lambda town: town.revive_home(),
    ),
    Fault(
        name="the broker hangs",
        begin=lambda town: town.broker.signal(signal.SIGSTOP),
        is_felt=stops("broker"),
        end=lambda town: town.broker.signal(signal.SIGCONT),
    ),
    Fault(
        name="the broker dies and returns",
        begin=lambda town: town.broker.kill(),
        is_felt=says("MQTT: (no broker answers|the connection to .* was lost)"),
        end=_start(lambda town: town.broker),
    ),
    Fault(
        name="the registrar hangs",
        begin=_pbx(signal.SIGSTOP),
        is_felt=stops("registered"),
        end=_pbx(signal.SIGCONT),
        limit_s=70,
    ),
    Fault(
        name="the registrar dies and returns",
        begin=lambda town: town.pbx.stop(),
        is_felt=stops("registered"),
        end=_start(lambda town: town.pbx),
        limit_s=70,
    ),
    Fault(
        name="the disk is full",
        begin=_fill,
        is_felt=says(r"\[Errno 28\]|No space left|was not closed properly"),
        end=lambda town: (town.inside_disk / "filler").unlink(),
    ),
    Fault(
        name="the disk is read-only",
        begin=_make_read_only,
        is_felt=says(r"\[Errno 30\]|Read-only file system"),
        end=lambda town: town.mount("-o", "remount,rw"),
    ),
    Fault(
        name="the clock jumps 5 h ahead",
        begin=_hours(5),
        is_felt=lambda sight: sight.jumped(5),
    ),
    Fault(
        name="the clock jumps 10 h back",
        begin=_hours(-10),
        is_felt=lambda sight: sight.jumped(-10),
    ),
    Fault(
        name="the name server is gone",
        begin=lambda town: town.names.stop(),
        is_felt=says(NO_NAMES),
        end=_start(lambda town: town.names),
    ),
    Fault(
        name="the name server is silent",
        begin=lambda town: town.names.signal(signal.SIGSTOP),
        is_felt=says(NO_NAMES),
        end=lambda town: town.names.signal(signal.SIGCONT),
    ),
    Fault(
        name="the name server says SERVFAIL",
        begin=_break_names,
        is_felt=says(NO_NAMES),
        end=_mend_names,
    ),
    Fault(
        name="the cable is pulled",
        begin=_cable("down"),
        is_felt=stops("registered"),
        end=_cable("up"),
        line=Line.UP,
    ),
    Fault(
        name="all packets are lost",
        begin=lambda town: town.server.rules(*SILENCE),
        is_felt=stops("registered"),
        end=lambda town: town.server.rules("delete table inet chaos"),
        line=Line.UP,
    ),
    Fault(
        name="our address changes",
        begin=lambda town: town.move(),
        is_felt=says("Our address was .*, and is .* now"),
        line=Line.LOST,
    ),
    Fault(
        name="the machine sleeps",
        begin=_machine(signal.SIGSTOP),
        is_felt=stops("registered"),
        end=_machine(signal.SIGCONT),
        line=Line.LOST,
    ),
    Fault(
        name="kill -9",
        begin=_child(signal.SIGKILL),
        is_felt=says(r"ha-sip ended \(signal 9\)"),
        line=Line.LOST,
        keeps_process=False,
    ),
    Fault(
        name="the gateway hangs",
        begin=_child(signal.SIGSTOP),
        is_felt=says(r"ha-sip hangs \(.*\); it is killed"),
        limit_s=40,
        line=Line.LOST,
        keeps_process=False,
    ),
    # Until what waits for them gives up: 10 s, 30 s and 32 s.
    Fault(
        name="a Home Assistant that hangs for long",
        begin=lambda town: town.home.goes_on.clear(),
        is_felt=says("An event may not have arrived|Home Assistant is away"),
        end=lambda town: town.home.goes_on.set(),
        lasts_s=13,
    ),
    Fault(
        name="a broker that hangs for long",
        begin=lambda town: town.broker.signal(signal.SIGSTOP),
        is_felt=says("MQTT: the connection to .* was lost: Keep alive timeout"),
        end=lambda town: town.broker.signal(signal.SIGCONT),
        lasts_s=45,
    ),
    Fault(
        name="a registrar that hangs for long",
        begin=_pbx(signal.SIGSTOP),
        is_felt=says("registration at .* failed: 408"),
        end=_pbx(signal.SIGCONT),
        lasts_s=40,
        limit_s=70,
    ),
)
