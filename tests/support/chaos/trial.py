"""Has one fault after the other happen, and measures how long it takes until all is well."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from support.chaos.faults import FAULTS, Fault, Line
from support.chaos.sight import Sight
from support.chaos.town import Town
from support.chaos.traffic import PACKETS_A_SECOND, Traffic
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_NAMES = {
    "IncomingCall": "incoming_call",
    "OutgoingCallInitiated": "outgoing_call_initiated",
    "CallEstablished": "call_established",
    "EnteredMenu": "entered_menu",
    "dtmf_digit": "dtmf_digit",
    "MenuTimeout": "timeout",
    "RingTimeout": "ring_timeout",
    "MessagePlayed": "playback_done",
    "AudioFilePlayed": "playback_done",
    "RecordingStarted": "recording_started",
    "RecordingStopped": "recording_stopped",
    "the call ended": "call_disconnected",
}
_EVENT = re.compile(rf"^\| \S+ \S+ INFO +\[(?P<call>.+?)\] (?P<name>{'|'.join(_NAMES)})(?:\(|:)")
_WARNING = re.compile(r"^\| \S+ \S+ (?:WARNING|ERROR) +(.*)")


# A call whose other side is gone without a word ends 30 s after the last packet.
NOTHING_LEFT_WITHIN_S = 40
MAYBE_LOST = "An event may not have arrived"
LOOK_S = 1.0  # how long the call is listened to, in faults that are over at once


def _events_in(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return the events that lines of the log tell of."""
    found = map(_EVENT.match, lines)
    return [(match["call"], _NAMES[match["name"]]) for match in found if match]


def _now() -> float:
    return time.monotonic()


class Trial:
    """A gateway in a town, and a number of rounds."""

    def __init__(
        self, town: Town, traffic: Traffic, *, lasts_s: float, say: Callable[[str], None]
    ) -> None:
        self._town = town
        self._traffic = traffic
        self._lasts_s = lasts_s
        self._say = say
        self._log_from = 0  # the events before are those of a process that was killed
        self._events_from = 0
        self.figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.said: dict[str, list[str]] = {}

    def logged(self, until: int | None = None) -> list[tuple[str, str]]:
        """Return the events that the log tells of."""
        return _events_in(self._town.gateway.lines[self._log_from : until])

    def suffer(self, fault: Fault) -> None:
        """Have a fault happen; raises AssertionError where not all is well in time."""
        town, traffic = self._town, self._traffic
        line = traffic.keep_line()
        process, lines = town.child, len(town.gateway.lines)
        digits, heard, began = len(line.stream.typed_at), len(line.stream.arrivals), _now()
        sight = Sight(town, traffic, lambda since: len(_events_in(town.gateway.lines[since:])))
        fault.begin(town)
        try:
            over = _now()
            if not line.is_ended.is_set():
                line.type_digits("1")
            time.sleep(LOOK_S if fault.end is None else max(self._lasts_s, fault.lasts_s))
            wait_until(
                lambda: self._is_felt(fault, sight, process),
                f"{fault.name}: somebody feels it",
                fault.limit_s,
            )
            took, packets = _now() - began, len(line.stream.arrivals) - heard
        finally:
            if fault.end is not None:
                fault.end(town)
                over = _now()
        if fault.keeps_process:
            known = len(town.gateway.lines)
        else:
            known = self._begin_anew(fault, process, lines)
        if fault.line is Line.HEARD:
            # We, too, are late at times: what must not be is silence.
            assert packets > 0.75 * took * PACKETS_A_SECOND, f"{packets} packets in {took:.1f} s"
        if fault.line is Line.LOST:
            traffic.leave_line()
        else:
            assert not line.is_ended.is_set(), f"{fault.name}: the call that was up has ended"
            assert len(line.stream.typed_at) > digits
        self._recover(fault, over, known)
        self._look(fault, lines, process)
        self._say(self._words(fault, over))

    def _is_felt(self, fault: Fault, sight: Sight, process: int) -> bool:
        has_process = not fault.keeps_process or self._town.child == process
        assert has_process, f"{fault.name}: the gateway has crashed"
        return fault.is_felt(sight)

    def _begin_anew(self, fault: Fault, process: int, lines: int) -> int:
        """Forget what a killed process had not told; returns how long the log is now."""
        gateway = self._town.gateway
        wait_until(
            lambda: self._town.child != process, f"{fault.name}: the end of it", fault.limit_s
        )
        self._events_from = len(self._town.events)
        gateway.wait_log("ha-sip started", fault.limit_s, lines)
        self._log_from = next(
            at for at in range(lines, len(gateway.lines)) if "starts again" in gateway.lines[at]
        )
        return len(gateway.lines)

    def _recover(self, fault: Fault, ended: float, known: int) -> None:
        """Wait until all works; takes the times."""
        parts: dict[str, Callable[[], float | None]] = {
            kind: (lambda kind=kind: self._traffic.since(ended, kind))  # type: ignore[misc]
            for kind in self._traffic.kinds
        }
        wanted = self.logged(known)
        done: dict[str, float] = {}
        while len(done) < len(parts) + 2:
            now_s = time.monotonic() - ended
            for name, look in parts.items():
                took = look()
                if took is not None:
                    done.setdefault(name, took)
            if len(self._town.events) - self._events_from >= len(wanted) - self._doubtful():
                done.setdefault("events", now_s)
            if "health" not in done and self._town.health() == "ok":
                done["health"] = time.monotonic() - ended
            if now_s > fault.limit_s:
                missing = [one for one in (*parts, "events", "health") if one not in done]
                said = {one: self._traffic.problems(ended, one)[-3:] for one in missing}
                msg = f"{fault.name}: not within {fault.limit_s:g} s: {said}; {done}"
                raise AssertionError(msg)
            time.sleep(0.02)
        for name, took in done.items():
            self.figures[fault.name][name].append(took)
        self.figures[fault.name]["all"].append(max(done.values()))
        arrived = [
            one for one in self._town.events[self._events_from :] if one[1] in _NAMES.values()
        ]
        missing = _missing(arrived, wanted)
        assert len(missing) <= self._doubtful(), f"{fault.name}: did not come: {missing[:9]}"

    def _doubtful(self) -> int:
        """Count the events that were cut off on their way, and are never sent twice."""
        lines = self._town.gateway.lines[self._log_from :]
        return sum(MAYBE_LOST in line for line in lines)

    def _look(self, fault: Fault, lines: int, process: int) -> None:
        """See that nothing is left of it."""
        town = self._town
        new = town.gateway.lines[lines:]
        assert not any("Traceback" in line for line in new), f"{fault.name}: a traceback"
        assert (town.child == process) == fault.keeps_process, f"{fault.name}: another process"
        warnings = [match[1] for match in map(_WARNING.match, new) if match]
        self.said.setdefault(fault.name, list(dict.fromkeys(warnings)))

    def _words(self, fault: Fault, over: float) -> str:
        figures = self.figures[fault.name]
        times = ", ".join(f"{name} {took[-1]:.1f}" for name, took in figures.items())
        failed = [
            f"{kind}: {problem}"
            for kind in self._traffic.kinds
            for problem in self._traffic.problems(over, kind)
        ]
        return "\n    after it failed ".join([f"{fault.name}: {times}", *failed])


def _missing(arrived: list[tuple[str, str]], wanted: list[tuple[str, str]]) -> list[str]:
    """Return what did not come in its place; one that came twice moves all that follow."""
    missing, at = [], 0
    for call, name in wanted:
        if at < len(arrived) and arrived[at] == (call, name):
            at += 1
        else:
            missing.append(f"{name} of {call}")
    return missing


def run(
    folder: Path,
    *,
    rounds: int,
    seed: int,
    lasts_s: float,
    python: str,
    transport: str = "tcp",
    ice: str = "enabled",
    only: Sequence[str] = ("",),
    log: Path | None = None,
    say: Callable[[str], None] = print,
) -> Trial:
    """Run every fault once in each round, in an order of chance; returns the figures.

    The gateway's log is written to a file, if there is to be one.
    """
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        town = Town(stack, folder, transport=transport, ice=ice, python=python)
        if log is not None:
            stack.callback(lambda: log.write_text("\n".join(town.gateway.lines), encoding="utf-8"))
        traffic = Traffic(town)
        traffic.keep_line()
        stack.enter_context(traffic)
        trial = Trial(town, traffic, lasts_s=lasts_s, say=say)
        wait_until(
            lambda: all(traffic.since(0, kind) is not None for kind in traffic.kinds),
            f"all works at first: {[trip for trip in traffic.trips if trip.problem][-6:]}",
            20,
        )
        for _ in range(rounds):
            faults = [one for one in FAULTS if any(part in one.name for part in only)]
            chance.shuffle(faults)
            for fault in faults:
                trial.suffer(fault)
        traffic.__exit__()
        traffic.leave_line()
        _nothing_is_left(town)
    return trial


def _nothing_is_left(town: Town) -> None:
    """See that no call is left behind."""

    def is_quiet() -> bool:
        since = len(town.gateway.lines)
        town.gateway.command({"command": "state"})
        try:
            town.gateway.wait_log("No active calls.", 0.5, since)
        except AssertionError:
            return False
        return True

    wait_until(is_quiet, "no call is left", NOTHING_LEFT_WITHIN_S)


def table(trial: Trial) -> list[str]:
    """Return median and worst of each fault, as rows of a table."""
    return [
        f"| {name} | {median(parts['all']):.1f} | {max(parts['all']):.1f} |"
        for name, parts in trial.figures.items()
    ]
