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

from soak import judge
from soak.events import event_faults
from soak.growth import slope
from soak.judge import POOLS
from soak.trips import KINDS, Trip
from soak.world import World
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soak.trips import Kind

# As many as the build takes, with room for calls that end.
AT_ONCE = {"wheel": 3, "source": 24}
WARM_CALLS = 30
EVENTS_WITHIN_S = 20.0
NOTHING_WITHIN_S = 30.0
# pjsip keeps transactions for 32 s (RFC 3261 §17), and memory is given back every 20 s.
LONG_REST_S = 65.0
SHORT_REST_S = 1.5  # of a short run, where pjsip keeps them for as long
LONG_RUN = 1_000  # calls: so many are made in parts, with a rest after each, and slopes judged
RESTS = 3
# Until then there is more and more that lingers.
PLATEAU_AFTER_S = 60.0
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
    plants: tuple[str, ...] = ()  # what is to go wrong, to see that it is noticed
    events_within_s: float = EVENTS_WITHIN_S
    nothing_within_s: float = NOTHING_WITHIN_S
    rests: int = RESTS  # of a long run; a short one has one

    @property
    def parts(self) -> int:
        """Return after how many parts there is a rest."""
        return self.rests if self.is_long else 1

    @property
    def is_long(self) -> bool:
        """Tell whether it is enough for slopes."""
        return self.calls >= LONG_RUN

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
    rests: list[tuple[int, dict[str, float]]] = field(default_factory=list)  # after how many calls
    samples: list[tuple[float, int, dict[str, float]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Count the calls that were made."""
        return self.calls.total()

    def rise(self, name: str) -> float:
        """Return by how much a figure rose in 1,000 calls after the plateau."""
        late = [
            (float(calls), found[name])
            for at, calls, found in self.samples
            if at >= PLATEAU_AFTER_S and calls >= self.count / 4
        ]
        return 1_000 * slope(late)


def run(plan: Plan) -> Outcome:
    """Telephone, rest, judge."""
    outcome = Outcome(plan)
    with TemporaryDirectory(prefix="soak-") as folder, contextlib.ExitStack() as stack:
        forgets_after_s = None if plan.is_long else SHORT_REST_S
        world = World(stack, Path(folder), plan.build, forgets_after_s, plan.plants)
        stack.enter_context(world)
        fresh = world.look()
        warm = Crowd(world, outcome, plan.seed)
        warm.telephone(min(WARM_CALLS, plan.calls), time.monotonic() + plan.seconds)
        outcome.calls.clear()
        if plan.is_long:  # pools of the first calls linger
            outcome.before = world.look() | {POOLS: fresh[POOLS]}
        else:
            outcome.before = _at_rest(world, {POOLS: fresh[POOLS]}, plan.nothing_within_s)
        outcome.began = time.monotonic()
        for part in range(plan.parts):
            calls = plan.calls // plan.parts
            crowd = Crowd(world, outcome, plan.seed, first=WARM_CALLS + part * calls)
            watcher = threading.Thread(target=_watch, args=(world, outcome, crowd), daemon=True)
            watcher.start()
            crowd.telephone(calls, outcome.began + plan.seconds)
            watcher.join()
            _rest(world, outcome)
        outcome.seconds = time.monotonic() - outcome.began
        world.look_at_log()
        outcome.services = world.services
        outcome.faults += [f"a stray event: {n}, {c} times" for n, c in world.strays.items()]
        outcome.faults += [f"log: {line}" for line in world.failures]
    outcome.faults += judge.rest_faults(outcome.before, outcome.rests)
    if plan.is_long:
        outcome.faults += judge.rise_faults({name: outcome.rise(name) for name in outcome.before})
        outcome.faults += judge.memory_faults(outcome.rests)
    else:
        outcome.faults += judge.short_run_faults(outcome.before, outcome.rests[-1][1])
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
                self._outcome.plan.events_within_s,
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
    if outcome.plan.is_long:
        time.sleep(LONG_REST_S)
    found = _at_rest(world, outcome.before, outcome.plan.nothing_within_s)
    outcome.rests.append((outcome.count, found))


def _at_rest(world: World, before: Mapping[str, float], within_s: float) -> dict[str, float]:
    """Look until all has gone that has to go, or that is too late."""
    found: dict[str, float] = {}

    def is_back() -> bool:
        found.update(world.look(is_at_rest=True))
        return not judge.left_over(before, found)

    with contextlib.suppress(AssertionError):
        wait_until(is_back, "as before", within_s)
    return found
