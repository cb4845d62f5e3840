"""What a process costs, read from /proc."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_ENDED = "process {} has ended: its memory can't be read"
_PROCESS_CLOCK = 2  # in the number of a clock: all threads of a process, to the nanosecond


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, all its threads, user and system.

    As clock_getcpuclockid(3) does it; raises OSError where the process has ended.
    """
    return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)


def share_of_core(pid: int, seconds: float) -> float:
    """Watch a process and its children for so long; returns their share of one core in percent."""
    before = {one: cpu_seconds(one) for one in family(pid)}
    started = time.monotonic()
    time.sleep(seconds)
    used_s = 0.0
    for one, already_s in before.items():
        with contextlib.suppress(OSError):  # a helper that has ended
            used_s += cpu_seconds(one) - already_s
    return 100 * used_s / (time.monotonic() - started)


def family(pid: int) -> list[int]:
    """Return a process and those that it started, and they."""
    found = [pid]
    for child in children(pid):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
            found += family(child)
    return found


def children(pid: int) -> list[int]:
    """Return the processes that a process started, by any of its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # a thread that has ended
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def threads(pid: int) -> int:
    """Count the threads of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def descriptors(pid: int) -> int:
    """Count what a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def status_of(pid: int) -> str:
    """Return what the kernel says of a process: a name and a value a line."""
    return Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


def resident_mib(pid: int) -> float:
    """Return the memory that a process and its children hold in RAM (RSS), in MiB."""
    return _mib(pid, "status", "VmRSS:")


def own_resident_mib(pid: int) -> float:
    """Return the same without the children, which come and go."""
    held = _kib(f"/proc/{pid}/status", "VmRSS:")
    if not held:
        raise ProcessLookupError(_ENDED.format(pid))
    return held / 1024


def proportional_mib(pid: int) -> float:
    """Return the same with each page that is shared counted by its share (PSS), in MiB."""
    return _mib(pid, "smaps_rollup", "Pss:")


def _mib(pid: int, file: str, name: str) -> float:
    """Add up; raises where the process itself has ended, which is not "no memory"."""
    held = {one: _kib(f"/proc/{one}/{file}", name) for one in family(pid)}
    if not held[pid]:
        raise ProcessLookupError(_ENDED.format(pid))
    return sum(held.values()) / 1024


def _kib(path: str, name: str) -> int:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        for line in Path(path).read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0  # a helper of the gateway's that has just ended
