"""A gateway that the tests of a file share, since each needs only a call or two of it."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.phone import Phone, PhoneCall

LEVEL_DBFS = -14.0
_markers = itertools.count(1)


class OpenLine:
    """The gateway, its Home Assistant, and a folder."""

    def __init__(self, gateway: GatewayProcess, house: StandInHomeAssistant, folder: Path) -> None:
        self.gateway = gateway
        self.house = house
        self.folder = folder
        self.build = "wheel"

    def begin(self) -> None:
        """Be as new for the next test: the calls of the one before are over, and forgotten."""
        wait_until_over(self.gateway, self.house)
        self.house.requests.clear()
        self.gateway.lines.clear()
        if self.gateway not in GatewayProcess.started:
            GatewayProcess.started.append(self.gateway)

    def command(self, verb: str, number: str = "p", **fields: Any) -> None:
        """Send a command; `p` is the phone that most tests have."""
        self.gateway.command({"command": verb, "number": number, **fields})

    def call(self, phone: Phone) -> PhoneCall:
        """Have a phone call the gateway."""
        call = phone.call(self.gateway.uri).wait_answered()
        self.house.wait_event("call_established")
        return call

    def dial(self, phone: Phone, **fields: Any) -> PhoneCall:
        """Have the gateway call a phone that picks up."""
        count = self.house.event_names.count("call_established")
        self.command("dial", phone.uri, **fields)
        call = phone.wait_call().wait_answered()
        self.house.wait(
            lambda: self.house.event_names.count("call_established") > count, "established"
        )
        return call

    def ended(self) -> dict[str, Any]:
        """Wait for the end of the call."""
        return self.house.wait_event("call_disconnected")

    def tone(self, seconds: float, frequency_hz: int = 1500) -> str:
        """Return the path of a file with a tone."""
        path = self.folder / f"{frequency_hz}-{seconds}.wav"
        audio.write_wav(path, audio.sine(frequency_hz, seconds, LEVEL_DBFS))
        return str(path)


@contextlib.contextmanager
def open_line(folder: Path, **settings: Any) -> Iterator[OpenLine]:
    """Run a gateway with these settings."""
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(folder, house=house, **settings) as gateway,
    ):
        yield OpenLine(gateway, house, folder)


def wait_until_over(gateway: GatewayProcess, house: StandInHomeAssistant) -> None:
    """Wait until no call is left, and Home Assistant has been told of all that there were."""

    def is_idle() -> bool:
        since = len(gateway.lines)
        gateway.command({"command": "state"})
        gateway.wait_log("Accounts:", since=since)
        return any("No active calls." in line for line in gateway.lines[since:])

    wait_until(is_idle, "the end of all calls")
    # Events are told one after the other: when the last one is there, so are all before it.
    marker = f"marker-{next(_markers)}"
    gateway.command({"command": "hangup", "number": marker})
    house.wait(lambda: any(event.get("number") == marker for event in house.events), marker)
    gateway.wait_log(marker)  # its lines come by another way
