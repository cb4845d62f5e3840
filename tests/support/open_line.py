"""A gateway that the tests of a file share, since each needs only a call or two of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.phone import Phone, PhoneCall

LEVEL_DBFS = -14.0
BEGINNINGS = ("incoming_call", "outgoing_call_initiated")


class OpenLine:
    """The gateway, its Home Assistant, and a folder."""

    def __init__(self, gateway: GatewayProcess, house: StandInHomeAssistant, folder: Path) -> None:
        self.gateway = gateway
        self.house = house
        self.folder = folder

    def begin(self) -> None:
        """Be as new for the next test: the calls of the one before are over, and forgotten."""

        def are_over() -> bool:
            names = self.house.event_names
            begun = sum(names.count(name) for name in BEGINNINGS)
            return begun == names.count("call_disconnected")

        self.house.wait(are_over, "the end of all calls")
        self.house.requests.clear()
        self.gateway.lines.clear()
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
        self.command("dial", phone.uri, **fields)
        call = phone.wait_call().wait_answered()
        self.house.wait_event("call_established")
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
