"""Calls one at a time: what is measured of one is not to bear what is left to do of another."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.process import children
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.bare import BareProgram
    from support.home_assistant import StandInHomeAssistant

# After the end of a call; the wheel's pjsip has 64 sockets, and keeps those of a call for 0.5 s.
PAUSE_S = 0.1


@contextmanager
def one_call(
    subject: GatewayProcess | BareProgram, house: StandInHomeAssistant | None = None
) -> Iterator[None]:
    """Have one call, and wait until the subject is done with it.

    With `house` until that was told of the call's end, too, and until no prompt is being made.
    """
    lines = len(subject.lines) if isinstance(subject, GatewayProcess) else 0
    requests = 0 if house is None else len(house.requests)
    yield
    if isinstance(subject, GatewayProcess):
        subject.wait_log("Removing call with id", since=lines)
        if house is not None:
            house.wait(lambda: _is_told(house, requests), "event call_disconnected")
            wait_until(lambda: not children(subject.pid), "the end of ffmpeg")
    time.sleep(PAUSE_S)


def _is_told(house: StandInHomeAssistant, since: int) -> bool:
    return any(
        request.path.startswith("webhook/") and request.body["event"] == "call_disconnected"
        for request in house.requests[since:]
    )
