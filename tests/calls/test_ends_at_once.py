"""Both sides hang up at the same moment, while something else is under way in the call.

`ENDS_ROUNDS=200 ./build.sh test tests/calls/test_ends_at_once.py` does so more often.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.open_line import OpenLine, open_line
from support.phone import Phone, PhoneCall
from support.source_build import python_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROUNDS = int(os.environ.get("ENDS_ROUNDS", "20"))
MOST_APART_S = 0.05
# What pjsip says where two of its threads wait for each other.
DEADLOCK = "possibly system has deadlocked"

MENU = {"id": "door", "message": "Press one"}


class Meeting:
    """One call of phone `a`, and a phone `b` beside it."""

    def __init__(self, line: OpenLine, a: Phone, b: Phone) -> None:
        self.line = line
        self.a = a
        self.b = b
        self.call = a.call(line.gateway.uri).wait_answered()
        line.house.wait_event("incoming_call")
        self.number = f"<{a.uri}>"  # its internal_id
        self.other: PhoneCall | None = None

    def at_once(self, chance: random.Random, *acts: Callable[[], object]) -> None:
        """Do these together, in an order that nobody knows; raises what they raise."""

        def after(wait_s: float, act: Callable[[], object]) -> None:
            time.sleep(wait_s)
            act()

        with ThreadPoolExecutor(len(acts)) as pool:
            waits = [chance.choice((0.0, chance.uniform(0, MOST_APART_S))) for _ in acts]
            for done in [pool.submit(after, *pair) for pair in zip(waits, acts, strict=True)]:
                done.result()

    def hold(self) -> None:
        """Put the gateway on hold, and take it back, each by a re-INVITE."""
        for direction in ("sendonly", "sendrecv"):
            self._while_up(lambda wanted=direction: self.call.reinvite(wanted))

    def update(self) -> None:
        """Offer the audio anew by UPDATE."""
        self._while_up(lambda: self.call.reinvite(method="UPDATE"))

    def refer(self) -> None:
        """Ask the gateway to call `b` in place of `a`, and have `b` answer."""
        self._while_up(lambda: self.call.refer(self.b.uri))

    def transfer(self) -> None:
        """Have the gateway ask `a` to call `b`."""
        self.line.command("transfer", self.number, transfer_to=self.b.uri)

    def replace(self) -> None:
        """Have `b` take the place of `a`."""
        self.b.extra_headers = [("replaces", self.call.replaces)]
        self.other = self.b.call(self.line.gateway.uri)
        self.other.wait_final()

    def hang_up(self) -> None:
        """Hang up by command."""
        self.line.command("hangup", self.number)

    def _while_up(self, ask: Callable[[], object]) -> None:
        if not self.call.is_ended.is_set():
            ask()


WAYS = (Meeting.hold, Meeting.update, Meeting.refer, Meeting.transfer, Meeting.replace)


def meet(line: OpenLine, way: Callable[[Meeting], None], chance: random.Random) -> float:
    """Have one call, and both sides hang up during `way`; returns how long its end took."""
    with Phone("a") as a, Phone("b") as b:
        meeting = Meeting(line, a, b)
        began_at = time.monotonic()
        meeting.at_once(chance, meeting.call.hang_up, meeting.hang_up, lambda: way(meeting))
        for call in (*a.calls.values(), *b.calls.values()):
            call.wait_ended()
        took_s = time.monotonic() - began_at
        assert not any(DEADLOCK in text for text in line.gateway.lines)
        line.begin()
        line.gateway.command({"command": "state"})
        line.gateway.wait_log("No active calls.")
        for call in b.calls.values():  # one that came later still
            call.wait_ended()
    return took_s


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_hang_ups_that_meet_each_other_and_more_leave_nothing_behind(
    tmp_path: Path, build: str
) -> None:
    """Nothing is unanswered, no call is left, and the gateway stops by itself."""
    options = {"menu_file": {"menu": MENU}, "SIP1_OPTIONS": "--follow-transfer on"}
    with open_line(tmp_path, python=python_of(build), **options) as line:
        took_s = [meet(line, WAYS[n % len(WAYS)], random.Random(n)) for n in range(ROUNDS)]
        with Phone("later") as later:
            later.call(line.gateway.uri).wait_answered()
        line.gateway.command({"command": "quit"})

        assert line.gateway.wait_exit() == 0
    print(f"{ROUNDS} calls, the slowest ended after {max(took_s):.2f} s")
