"""What happens while the loop is busy and late; pjsip goes on, and gives numbers of calls anew."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import support
from hasip.sip import overload
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.phone import Phone
from support.source_build import python_of
from support.waiting import wait_until

WEDGES = Path(support.__file__).parent / "wedges"
LATE_S = "1.5"
HELD_S = "3"  # far longer than `overload.LATE_S`, and than this machine is late itself
ROOM = 4  # a wheel's pjsip has so many numbers, and takes one after the other


def test_calls_that_come_while_the_loop_has_not_heard_of_ends_are_nobody_elses(
    tmp_path: Path,
) -> None:
    """Four calls end, and four have their numbers before the loop hears of that."""
    gateway = GatewayProcess(
        tmp_path,
        menu_file={"menu": {"message": "Hello"}},
        WEDGE="loop",
        WEDGE_FOR_S=LATE_S,
        PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{WEDGES}",
    )
    with ExitStack() as stack:
        stack.enter_context(gateway)
        phones = [stack.enter_context(Phone(f"p{number}")) for number in range(2 * ROOM)]
        old = [phone.call(gateway.uri).wait_answered() for phone in phones[:ROOM]]
        gateway.signal(signal.SIGUSR1)
        for call in old:
            call.hang_up()
        new = [phone.call(gateway.uri).wait_answered() for phone in phones[ROOM:]]
        for call in new:
            since = len(call.stream.arrivals)
            wait_until(lambda call=call, since=since: len(call.stream.arrivals) > since + 25, "RTP")
        assert not any(call.is_ended.is_set() for call in new)
        for call in new:
            call.hang_up()
        wait_until(
            lambda: sum("Removing call" in line for line in gateway.lines) == 2 * ROOM,
            "the end of every call",
        )
        assert not any("Traceback" in line for line in gateway.lines)


def test_a_call_that_comes_while_the_loop_is_late_gets_503_and_the_next_one_200(
    tmp_path: Path,
) -> None:
    """Three calls are no flood: it is not their rate that is refused."""
    with (
        GatewayProcess(
            tmp_path,
            menu_file={"menu": {"message": "Hello"}},
            python=python_of("source"),
            WEDGE="loop",
            WEDGE_FOR_S=HELD_S,
            PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{WEDGES}",
        ) as gateway,
        Phone("first") as first,
        Phone("second") as second,
        Phone("third") as third,
    ):
        gateway.signal(signal.SIGUSR1)
        waiting = first.call(gateway.uri)
        asked_at = time.monotonic()  # of the loop, when this one is let in
        wait_until(lambda: waiting.statuses, "the first call is let in")
        wait_until(lambda: time.monotonic() - asked_at > 2 * overload.LATE_S, "the loop is late")
        refused = second.call(gateway.uri)
        refused.wait_status(503)
        assert refused.retry_after == "2"
        assert not waiting.is_answered.is_set()  # the loop is still held

        waiting.wait_answered()
        third.call(gateway.uri).wait_answered()
