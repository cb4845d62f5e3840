"""A part that hangs or dies: it is named, and ended, and all accounts are back at their registrar.

With `-s` it prints how long each of that took.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import support
from hasip.watch.probe import WELL, ask
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.kamailio import Kamailio
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.ports import free_port
from support.process import children
from support.source_build import python_of
from support.together import Together
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.alone

WEDGES = Path(support.__file__).parent / "wedges"
USERS = {name: f"{name}-secret" for name in ("front", "back", "garage")}
COMMANDS = "hasip/execute"
STATE = {"command": "state"}
RED_WITHIN_S = 15.0
BACK_WITHIN_S = 40.0  # ten gateways start again, on whatever machine
together = Together(at_once=10)


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway with all that it talks to."""

    gateway: GatewayProcess
    registrar: Kamailio
    broker: MqttUser
    phone: Phone

    @property
    def child(self) -> int:
        """Return the process of the gateway itself."""
        wait_until(lambda: children(self.gateway.pid), "a child of the parent")
        return children(self.gateway.pid)[0]

    def wait_registered(self, since: int = 0) -> None:
        for name in USERS:
            self.gateway.wait_log(f"(sip:{name}@127.0.0.1", BACK_WITHIN_S, since=since)
        self.gateway.wait_lines("): registered", len(USERS), BACK_WITHIN_S, since=since)


@dataclass(frozen=True, slots=True)
class Hang:
    """A way to hang: what is broken, what brings it about, and what the health check says then."""

    wedge: str
    begin: Callable[[Place], object]
    answer: str


HANGS = {
    "loop": Hang(
        "loop",
        lambda place: os.kill(place.child, signal.SIGUSR1),
        "the loop has not turned for 2 s",
    ),
    "SIP stack": Hang(
        "sip",
        lambda place: place.phone.call(place.gateway.uri),
        "pjsip has not turned for 2 s",
    ),
    "commands from stdin": Hang(
        "intake",
        lambda place: place.gateway.command(STATE),
        "no commands are read from stdin",
    ),
    "commands by MQTT": Hang(
        "intake",
        lambda place: place.broker.publish(COMMANDS, STATE),
        "no commands are read from mqtt",
    ),
    "thread of stdin dies": Hang(
        "dead intake",
        lambda place: place.gateway.command(STATE),
        "no commands are read from stdin",
    ),
    "thread of MQTT dies": Hang(
        "dead intake",
        lambda place: place.broker.publish(COMMANDS, STATE),
        "no commands are read from mqtt",
    ),
}
# What a build of pjsua2 may change; the other threads are Python's.
BY_PJSIP = ("loop", "SIP stack", "kill -9")


@pytest.mark.parametrize(
    ("what", "build"),
    [
        *((what, "source") for what in [*HANGS, "kill -9"]),
        *((what, "wheel") for what in BY_PJSIP),
    ],
)
@together
def test_whatever_hangs_is_named_and_three_accounts_are_back(
    tmp_path: Path, what: str, build: str
) -> None:
    with (
        Kamailio(tmp_path, free_port(), USERS) as registrar,
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "hasip/#") as user,
        Phone("visitor") as phone,
        GatewayProcess(
            tmp_path,
            arguments=("--restart",),
            python=python_of(build),
            PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{WEDGES}",
            WEDGE=HANGS[what].wedge if what in HANGS else "",
            HASIP_HEALTH_SOCKET=str(tmp_path / "health"),
            **settings_of(registrar, broker),
        ) as gateway,
    ):
        place = Place(gateway, registrar, user, phone)
        place.wait_registered()
        gateway.wait_log("MQTT: connected")
        assert ask(str(tmp_path / "health")) == WELL
        lines = len(gateway.lines)
        began = time.monotonic()
        told = f"kill -9 ({build})"
        if what in HANGS:
            told = see_it_end(place, HANGS[what], f"{what} ({build})", lines)
        else:
            os.kill(place.child, signal.SIGKILL)
        gateway.wait_log("it starts again in 1 s", since=lines)
        place.wait_registered(since=lines)
        print(f"{told}: three accounts are back after {time.monotonic() - began:.1f} s")

        assert_all_works(place, lines)


def settings_of(registrar: Kamailio, broker: Mosquitto) -> dict[str, str]:
    settings = {
        "GLOBAL_OPTIONS": "--bind-address 127.0.0.1 --enable-mqtt on",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(broker.port),
    }
    for number, (name, password) in enumerate(USERS.items(), 1):
        settings |= {
            f"SIP{number}_ENABLED": "true",
            f"SIP{number}_ID_URI": f"sip:{name}@127.0.0.1:{registrar.port}",
            f"SIP{number}_REGISTRAR_URI": f"sip:127.0.0.1:{registrar.port}",
            f"SIP{number}_USER_NAME": name,
            f"SIP{number}_PASSWORD": password,
            f"SIP{number}_ANSWER_MODE": "accept",
        }
    return settings


def see_it_end(place: Place, hang: Hang, name: str, lines: int) -> str:
    """Make it hang; returns how long it took until that was seen and ended."""
    path = str(place.gateway.folder / "health")
    began = time.monotonic()
    hang.begin(place)
    wait_until(lambda: ask(path) != WELL, "red", RED_WITHIN_S)
    red_s = time.monotonic() - began
    place.gateway.wait_log(f"Health: {hang.answer}", since=lines)
    place.gateway.wait_log(f"ha-sip hangs ({hang.answer}); it is killed", since=lines)
    killed_s = time.monotonic() - began

    assert red_s < RED_WITHIN_S
    return f"{name}: red after {red_s:.1f} s, killed after {killed_s:.1f} s"


def assert_all_works(place: Place, lines: int) -> None:
    """See that every account is called by the registrar, and commands are read from both sides."""
    place.gateway.wait_log("MQTT: connected", since=lines)
    for name in USERS:
        call = place.phone.call(f"sip:{name}@127.0.0.1:{place.registrar.port}")
        call.wait_answered(PATIENCE_S).hang_up()
    place.gateway.command({"command": "hangup", "number": "nobody-by-stdin"})
    place.broker.publish(COMMANDS, {"command": "hangup", "number": "nobody-by-mqtt"})
    place.gateway.wait_log("nobody-by-stdin", since=lines)
    place.gateway.wait_log("nobody-by-mqtt", since=lines)
    assert ask(str(place.gateway.folder / "health")) == WELL
