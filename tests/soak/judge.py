"""What must be as it was once nobody telephones, and what may not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rest = tuple[int, Mapping[str, float]]  # after how many calls, what there was

POOLS = "pools of pjsip"
BACK_TO_START = (
    *("calls in the registry", "calls of pjsip", "sessions", "legs", "players", "recorders"),
    *("ports on the bridge", "timers armed", "messages to the loop", "jobs of workers"),
    *("webhooks waiting", "temporary files", "recordings", "descriptors", POOLS),
)
# How much a figure may rise in 1,000 calls after the plateau.
MOST_PER_1000 = {"descriptors": 1.0, "threads": 0.5, "timers kept": 5.0}
# From the first rest to the last: while people telephone, memory follows how many do in 32 s.
MOST_MEMORY_PER_1000 = {"memory, MiB": 0.5, "in use, MiB": 0.2}
NOISE_MIB = {"memory, MiB": 2.0, "in use, MiB": 0.3}  # one rest against another
# Of a short run, after its warm-up. In 240 calls 20 KiB of each are 4.7 MiB.
MOST_MORE = {"in use, MiB": 2.0, "threads": 12.0, "objects": 100.0}


def left_over(before: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Return the figures that have not come back to what they were, of those that are to."""
    return [n for n in BACK_TO_START if n in before and found[n] > before[n]]


def rest_faults(before: Mapping[str, float], rests: Sequence[Rest]) -> list[str]:
    """Return what was not as before at a rest."""
    return [
        f"{name} after {calls} calls: {found[name]:g}, and {before[name]:g} before"
        for calls, found in rests
        for name in left_over(before, found)
    ]


def rise_faults(rises: Mapping[str, float]) -> list[str]:
    """Return what rose too much in 1,000 calls."""
    return [
        f"{name} rises by {rises[name]:.2f} in 1,000 calls"
        for name, most in MOST_PER_1000.items()
        if rises[name] > most
    ]


def memory_faults(rests: Sequence[Rest]) -> list[str]:
    """Return what memory is more at the last rest than at the first."""
    (first_calls, first), (last_calls, last) = rests[0], rests[-1]
    thousands = (last_calls - first_calls) / 1_000
    return [
        f"{name} at rest: {last[name] - first[name]:.1f} more after {last_calls} than {first_calls}"
        for name, most in MOST_MEMORY_PER_1000.items()
        if last[name] - first[name] > NOISE_MIB[name] + most * thousands
    ]


def short_run_faults(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Return what a few hundred calls left more of than they may."""
    return [
        f"{name}: {after[name]:.1f}, and {before[name]:.1f} before"
        for name, most in MOST_MORE.items()
        if after[name] - before[name] > most
    ]
