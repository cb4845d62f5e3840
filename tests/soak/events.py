"""Whether a call got its full set of events: each once, in their order, and one end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

END = "call_disconnected"
# What a call may have once or several times, beside what its kind asks for: its prompts end, or
# are cut short, as it happens.
OPTIONAL = frozenset({"playback_done"})


@dataclass(frozen=True, slots=True)
class Expected:
    """The events of a kind of call, in their order; the first and the last are its ends."""

    names: tuple[str, ...]
    optional: frozenset[str] = OPTIONAL


def event_faults(seen: Sequence[str], expected: Expected) -> list[str]:
    """Return what is wrong with the events of a call, as sentences; none where all is well."""
    faults = []
    wanted, got = Counter(expected.names), Counter(seen)
    for name in wanted | got:
        if got[name] < wanted[name]:
            faults.append(f"{name} is missing ({got[name]} of {wanted[name]})")
        elif got[name] > wanted[name] and name not in expected.optional:
            faults.append(f"{name} came {got[name]} times, not {wanted[name]}")
    if seen and seen[0] != expected.names[0]:
        faults.append(f"the first event is {seen[0]}, not {expected.names[0]}")
    if seen and END in seen and seen[-1] != END:
        faults.append(f"{seen[-1]} came after {END}")
    required = [name for name in seen if name in wanted]
    if not faults and not _is_in_order(expected.names, required):
        faults.append(f"wrong order: {', '.join(seen)}")
    return faults


def _is_in_order(wanted: Sequence[str], seen: Sequence[str]) -> bool:
    """Tell whether all that is wanted comes in this order, others may be in between."""
    left = iter(seen)
    return all(any(name == other for other in left) for name in wanted)
