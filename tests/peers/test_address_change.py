"""The address of this machine changes, as when a router gives out another one."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.kamailio import Kamailio
from support.mosquitto import Mosquitto
from support.netns import Network
from support.phone import Phone
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone import PhoneCall

USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
MENU = {"menu": {"message": "Hello"}}
BEFORE, AFTER, PBX = "10.4.0.2", "10.4.0.77", "10.4.0.1"


class Home:
    """A gateway whose address can change, and a phone at the PBX."""

    def __init__(
        self, stack: contextlib.ExitStack, folder: Path, transport: str, python: str
    ) -> None:
        """Make the PBX, a broker and a Home Assistant on one machine, the gateway on another."""
        (folder / "kamailio").mkdir()
        network = stack.enter_context(Network())
        self._house, self.pbx = network.machine("house"), network.machine("pbx")
        network.cable((self._house, "lan", f"{BEFORE}/24"), (self.pbx, "lan", f"{PBX}/24"))
        with self.pbx.entered():
            stack.enter_context(Kamailio(folder / "kamailio", 5060, USERS, host=PBX))
            proxy = (PBX, 5060)
            self.alice = Phone("alice", host=PBX, password=USERS["alice"], proxy=proxy)
            stack.enter_context(self.alice)
            broker = stack.enter_context(Mosquitto(folder, host=PBX))
            self.home_assistant = stack.enter_context(StandInHomeAssistant(host=PBX))
        with self._house.entered():
            self.gateway = GatewayProcess(
                folder,
                host=BEFORE,
                python=python,
                menu_file=MENU,
                GLOBAL_OPTIONS="--enable-mqtt on",
                HA_BASE_URL=self.home_assistant.base_url,
                HA_TOKEN=TOKEN,
                BROKER_ADDRESS=PBX,
                BROKER_PORT=str(broker.port),
                SIP1_ID_URI=f"sip:hasip@{PBX}",
                SIP1_REGISTRAR_URI=f"sip:{PBX};transport={transport}",
                SIP1_USER_NAME="hasip",
                SIP1_PASSWORD=USERS["hasip"],
            )
        self._address = BEFORE
        stack.enter_context(self.gateway)
        self.gateway.wait_log("): registered")
        self.gateway.wait_log("MQTT: connected")

    def call(self) -> PhoneCall:
        """Have the phone call the gateway, and hear it."""
        with self.pbx.entered():
            call = self.alice.call(f"sip:hasip@{PBX}").wait_answered()
        call.wait_sound()
        return call

    def move(self) -> int:
        """Get the other address; returns how long the log was before."""
        before, now = self._address, BEFORE if self._address == AFTER else AFTER
        since = len(self.gateway.lines)
        self._house.ip("address", "delete", f"{before}/24", "dev", "lan")
        self._house.ip("address", "add", f"{now}/24", "dev", "lan")
        self._address = now
        self.gateway.wait_log(f"Our address was {before}, and is {now} now", since=since)
        self.gateway.wait_log("): registered", since=since)
        return since


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_registers_at_once_from_a_new_address_and_can_be_called(
    tmp_path: Path, transport: str, build: str
) -> None:
    python = python_of(build)
    with contextlib.ExitStack() as stack:
        home = Home(stack, tmp_path, transport, python)
        since = home.move()
        home.call()

        assert any(f"c=IN IP4 {AFTER}" in line for line in home.gateway.lines[since:])


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_it_moves_again_and_again_by_tcp(tmp_path: Path, build: str) -> None:
    """In one of ten moves pjsip 2.15 locked up for ever, where it ended all connections itself."""
    python = python_of(build)
    with contextlib.ExitStack() as stack:
        home = Home(stack, tmp_path, "tcp", python)
        for _ in range(9):
            home.move()
        home.call()


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_a_call_goes_on_from_the_new_address(tmp_path: Path, build: str) -> None:
    python = python_of(build)
    with contextlib.ExitStack() as stack:
        home = Home(stack, tmp_path, "udp", python)
        call = home.call()
        call.wait_quiet()
        home.move()
        heard = len(call.stream.samples)
        home.gateway.command({"command": "play_message", "number": "alice", "message": "Hello"})

        wait_until(
            lambda: audio.level_dbfs(call.stream.samples[heard:][-4000:]) > -40, "the message"
        )


def test_nobody_waits_for_connections_from_the_address_before(tmp_path: Path) -> None:
    """They would hang until their time-outs: a door for 15 s, the broker for 20 to 30 s."""
    with contextlib.ExitStack() as stack:
        home = Home(stack, tmp_path, "udp", python_of("wheel"))
        house = home.home_assistant
        house.goes_on.clear()
        home.gateway.command({"domain": "lock", "service": "unlock", "entity_id": "lock.door"})
        house.wait(lambda: house.services, "the request that hangs")
        moved_at = time.monotonic()
        since = home.move()
        home.gateway.wait_log("services/lock/unlock at", since=since)
        home.gateway.wait_log("MQTT: connected", since=since)

        assert time.monotonic() - moved_at < 6
        house.goes_on.set()
