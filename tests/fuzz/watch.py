"""Looks at a gateway from outside: is it there, is it quick, does it grow, has it let go of all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.process import descriptors, own_resident_mib, threads
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.gateway import GatewayProcess
    from support.inside import Inside
    from support.phone import Phone

SLOWEST_S = 3.0  # of OPTIONS; the machine has more to do than this
# An answer of ours to which no ACK comes is repeated for 32 s (RFC 3261 §13.3.1.4).
# That takes as long again where its BYE is not answered either.
CALLS_END_WITHIN_S = 80.0
LONG_RUN_S = 100.0
# Of a long run: what is in use at rest, at its end against after its first third. What malloc keeps
# of what was freed, and helpers that convert audio, are no growth: they are tens of MiB, now and then.
MOST_GROWTH_MIB = 1.5
# Of a short run: most of it is its warm-up.
MOST_GROWTH_SHORT_MIB = 12.0
# pjsip keeps transactions for 32 s (RFC 3261 §17), and those that were never answered for twice that.
LINGERS_S = 75.0
LINGERS_SHORT_S = 0.5
MOST_MORE_THREADS, MOST_MORE_FILES = 24, 24
_FINAL_LINES = 40


@dataclass(slots=True)
class Watch:
    """What was seen of a process."""

    gateway: GatewayProcess
    inside: Inside
    pinger: Phone
    is_long: bool
    memory: list[float] = field(default_factory=list)  # MiB in RAM, one a second
    in_use: list[float] = field(default_factory=list)  # MiB, one a rest
    slowest_s: float = 0.0
    began: float = field(default_factory=time.monotonic)
    threads_before: int = 0
    files_before: int = 0

    def __post_init__(self) -> None:
        """Remember what there was before."""
        self.threads_before, self.files_before = self._threads(), self._files()
        if not self.is_long:
            self._note_in_use()

    def look(self) -> None:
        """Ask for an answer, which shows it is there; raises AssertionError where none comes."""
        self.slowest_s = max(self.slowest_s, self.pinger.ping(self.gateway.address, 10.0))
        self.memory.append(own_resident_mib(self.gateway.pid))

    @property
    def growth_mib(self) -> float:
        """Return by how much more is in use at the last rest than at the first."""
        return self.in_use[-1] - self.in_use[0] if self.in_use else 0.0

    def wait_for_rest(self) -> None:
        """Wait until no call is left; raises AssertionError where one stays."""
        self.hang_up_all()
        try:
            wait_until(self._has_no_calls, "no active calls", CALLS_END_WITHIN_S)
        except AssertionError as error:
            msg = "\n".join([str(error), *(line[:300] for line in self._state())])
            raise AssertionError(msg) from None
        wait_until(self._is_back, f"back at its size: {self._sizes()}", CALLS_END_WITHIN_S)
        time.sleep(LINGERS_S if self.is_long else 2 * LINGERS_SHORT_S)
        self._note_in_use()

    def faults(self) -> list[str]:
        """Return what is wrong with what was seen."""
        lines = self.gateway.lines
        found = [
            "\n".join(lines[max(0, at - 3) : at + _FINAL_LINES])
            for at, line in enumerate(lines)
            if "Traceback" in line
        ]
        most = MOST_GROWTH_MIB if self.is_long else MOST_GROWTH_SHORT_MIB
        if self.growth_mib > most:
            found.append(f"memory in use grew by {self.growth_mib:.1f} MiB, from rest to rest")
        if self.slowest_s > SLOWEST_S:
            found.append(f"OPTIONS took {self.slowest_s:.1f} s")
        return found

    def hang_up_all(self) -> None:
        """End what is left: commands may have made calls that would go on for ever."""
        for line in self._state():
            ids = line.partition("INFO        ")[2]
            if ids and ", " in ids:
                self.gateway.command({"command": "hangup", "number": ids.rpartition(", ")[2]})

    def _note_in_use(self) -> None:
        self.in_use.append(self.inside.look(collects=True)["in use, MiB"])

    def _has_no_calls(self) -> bool:
        return any("No active calls." in line for line in self._state())

    def _state(self) -> list[str]:
        lines = len(self.gateway.lines)
        self.gateway.command({"command": "state"})
        self.gateway.wait_log("Accounts:", 20, since=lines)
        time.sleep(0.3)
        return self.gateway.lines[lines:]

    def _is_back(self) -> bool:
        return (
            self._threads() <= self.threads_before + MOST_MORE_THREADS
            and self._files() <= self.files_before + MOST_MORE_FILES
        )

    def _sizes(self) -> str:
        return (
            f"threads {self.threads_before} -> {self._threads()}, "
            f"descriptors {self.files_before} -> {self._files()}"
        )

    def _threads(self) -> int:
        return threads(self.gateway.pid)

    def _files(self) -> int:
        return descriptors(self.gateway.pid)
