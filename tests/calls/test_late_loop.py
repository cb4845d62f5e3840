"""What happens while the loop is busy and late; pjsip goes on, and gives numbers of calls anew."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import support
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.phone import Phone
from support.waiting import wait_until

WEDGES = Path(support.__file__).parent / "wedges"
LATE_S = "1.5"
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
