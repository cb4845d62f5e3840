"""Has people call in all ways at once, and judges what they got and what is left of it."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from soak.events import event_faults
from soak.growth import after_plateau, slope
from soak.trips import KINDS, Trip
from soak.world import World
from support.waiting import wait_until

if TYPE_CHECKING:
    from soak.trips import Kind

# As many as the build takes, with room for calls that end.
AT_ONCE = {"wheel": 3, "source": 24}
WARM_CALLS = 30
EVENTS_WITHIN_S = 20.0
NOTHING_WITHIN_S = 30.0
# pjsip keeps transactions for 32 s (RFC 3261 §17), and memory is given back every 20 s.
LONG_REST_S = 65.0
LONG_RUN_S = 120.0
# Until then there is more and more that lingers.
PLATEAU_AFTER_S = 60.0
# What must be as it was, once nobody telephones; it may take a moment.
BACK_TO_START = (
    *("calls in the registry", "calls of pjsip", "sessions", "legs", "players", "recorders"),
    *("ports on the bridge", "timers armed", "messages to the loop", "jobs of workers"),
    *("webhooks waiting", "temporary files", "recordings", "descriptors"),
)
AFTER_LONG_REST = ("pools of pjsip",)
# How much a figure may rise in 1,000 calls after the plateau.
MOST_PER_1000 = {"memory, MiB": 1.0, "descriptors": 1.0, "threads": 0.5, "timers kept": 5.0}
MOST_MORE_MIB = 20.0  # at rest, than when the first calls were over
MOST_FAULTS = 20  # that are shown


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to try."""

    build: str = "source"
    calls: int = 10_000
    seed: int = 1
    seconds: float = 3_600.0  # at most
    look_every_s: float = 2.0
    at_once: int | None = None  # None: as many as the build takes

    @property
    def callers(self) -> int:
        """Return how many telephone at once."""
        return self.at_once or AT_ONCE[self.build]


@dataclass(slots=True)
class Outcome:
    """What became of it."""

    plan: Plan
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    services: int = 0
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    samples: list[tuple[float, int, dict[str, float]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Count the calls that were made."""
        return self.calls.total()

    @property
    def is_long(self) -> bool:
        """Tell whether it took long enough for slopes to say something."""
        return self.seconds >= LONG_RUN_S

    def rise(self, name: str) -> float:
        """Return by how much a figure rose in 1,000 calls after the plateau."""
        from_s = max(PLATEAU_AFTER_S, self.seconds / 4)
        points = [(at, calls, found[name]) for at, calls, found in self.samples]
        late = after_plateau([(at, value) for at, _, value in points], from_s)
        return slope(late) * 1_000 * self.seconds / max(1, self.count)


def run(plan: Plan) -> Outcome:
    """Telephone, rest, judge."""
    outcome = Outcome(plan)
    with TemporaryDirectory(prefix="soak-") as folder, contextlib.ExitStack() as stack:
        world = stack.enter_context(World(stack, Path(folder), plan.build))
        pools = {name: found for name, found in world.look().items() if name in AFTER_LONG_REST}
        warm = Crowd(world, outcome, plan.seed)
        warm.telephone(min(WARM_CALLS, plan.calls), time.monotonic() + plan.seconds)
        outcome.calls.clear()
        outcome.before = world.look() | pools  # those of the first calls linger
        outcome.began = time.monotonic()
        crowd = Crowd(world, outcome, plan.seed, first=WARM_CALLS)
        watcher = threading.Thread(target=_watch, args=(world, outcome, crowd), daemon=True)
        watcher.start()
        crowd.telephone(plan.calls, outcome.began + plan.seconds)
        outcome.seconds = time.monotonic() - outcome.began
        watcher.join()
        _rest(world, outcome)
        world.look_at_log()
        outcome.services = world.services
        outcome.faults += [f"an event of no call: {n}, {c} times" for n, c in world.strays.items()]
        outcome.faults += [f"log: {line}" for line in world.failures]
    outcome.faults += _growth_faults(outcome)
    return outcome


class Crowd:
    """People, each on a thread, who make one call after the other."""

    def __init__(self, world: World, outcome: Outcome, seed: int, *, first: int = 0) -> None:
        self.is_over = threading.Event()
        self._world = world
        self._outcome = outcome
        self._seed = seed
        self._first = first
        self._numbers = itertools.count()

    def telephone(self, calls: int, ends_at: float) -> None:
        """Make so many calls, or as many as there is time for."""
        threads = [
            threading.Thread(target=self._repeat, args=(calls, ends_at), name=f"caller-{n}")
            for n in range(self._outcome.plan.callers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.is_over.set()

    def _repeat(self, calls: int, ends_at: float) -> None:
        while time.monotonic() < ends_at and (number := next(self._numbers)) < calls:
            self._make(self._first + number)

    def _make(self, number: int) -> None:
        rng = random.Random(f"{self._seed} {number}")
        kind: Kind = rng.choices(KINDS, [kind.weight for kind in KINDS])[0]
        trip = Trip(self._world, number)
        faults = []
        try:
            kind.run(trip)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
        with contextlib.suppress(AssertionError):
            wait_until(
                lambda: not event_faults(self._world.events(trip.name), kind.expected),
                "all events",
                EVENTS_WITHIN_S,
            )
        seen = self._world.events(trip.name)
        faults += event_faults(seen, kind.expected)
        self._world.forget(trip.name)
        self._outcome.calls[kind.name] += 1
        self._outcome.faults += [
            f"{trip.name} {kind.name}: {fault} (got {seen})" for fault in faults
        ]


def _watch(world: World, outcome: Outcome, crowd: Crowd) -> None:
    try:
        while not crowd.is_over.wait(outcome.plan.look_every_s):
            at = time.monotonic() - outcome.began
            outcome.samples.append((at, outcome.count, world.look()))
    except Exception as error:
        outcome.faults.append(f"it could not be looked at: {type(error).__name__}: {error}")


def _rest(world: World, outcome: Outcome) -> None:
    """Wait for what has to go away, then look."""
    if outcome.is_long:
        time.sleep(LONG_REST_S)
    names = (*BACK_TO_START, *(AFTER_LONG_REST if outcome.is_long else ()))

    def is_back() -> bool:
        outcome.after = world.look()
        return all(outcome.after[name] <= outcome.before[name] for name in names)

    with contextlib.suppress(AssertionError):
        wait_until(is_back, "as before", NOTHING_WITHIN_S)
    outcome.faults += [
        f"{name}: {outcome.before[name]:g} before, {outcome.after[name]:g} after"
        for name in names
        if outcome.after[name] > outcome.before[name]
    ]


def _growth_faults(outcome: Outcome) -> list[str]:
    more = outcome.after["memory, MiB"] - outcome.before["memory, MiB"]
    faults = []
    if outcome.is_long:
        faults = [
            f"{name} rises by {outcome.rise(name):.2f} in 1,000 calls"
            for name, most in MOST_PER_1000.items()
            if outcome.rise(name) > most
        ]
        if more > MOST_MORE_MIB:
            faults.append(f"memory: {more:.1f} MiB more at rest than after the first calls")
    return faults
