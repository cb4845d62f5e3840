"""Makes thousands of calls and says what is left of them; `./build.sh soak` calls it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from soak.run import LONG_RUN, MOST_FAULTS, RESTS, Plan, run

if TYPE_CHECKING:
    from soak.run import Outcome

CALLS = {"wheel": 2_500, "source": 10_000}


def main(arguments: list[str]) -> int:
    """Run, print a table, and tell by the exit code whether all was well."""
    parser = argparse.ArgumentParser(prog="./build.sh soak", description=__doc__)
    parser.add_argument("--build", choices=tuple(CALLS), default="source")
    parser.add_argument("--calls", type=int, help="default: 10,000 on source, 2,500 on the wheel")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rests",
        type=int,
        choices=range(1, 101),
        metavar="N",
        default=RESTS,
        help=f"look at what is left after so many parts of a run of {LONG_RUN:,} calls or more, "
        f"65 s each; default: {RESTS}",
    )
    parser.add_argument("--seconds", type=float, default=3_600.0, help="end after so long at most")
    parser.add_argument(
        "--plant",
        nargs="*",
        default=[],
        help="what is to go wrong, to see it told: a name in support/insight/plants.py",
    )
    parser.add_argument("--json", type=Path, default=Path("soak.json"), metavar="FILE")
    given = parser.parse_args(arguments)
    calls = given.calls or CALLS[given.build]
    outcome = run(
        Plan(
            given.build,
            calls,
            given.seed,
            given.seconds,
            plants=tuple(given.plant),
            rests=given.rests,
        )
    )
    data = {
        "plan": asdict(outcome.plan),
        "seconds": outcome.seconds,
        "calls": outcome.calls,
        "before": outcome.before,
        "rests": outcome.rests,
        "samples": outcome.samples,
        "faults": outcome.faults,
    }
    given.json.write_text(json.dumps(data), encoding="utf-8")
    show(outcome)
    return 1 if outcome.faults else 0


def show(outcome: Outcome) -> None:
    """Print what was seen."""
    plan = outcome.plan
    print(
        f"{outcome.count} calls in {outcome.seconds:.0f} s, {plan.callers} at once, "
        f"build {plan.build}, seed {plan.seed}; {outcome.services} service calls"
    )
    for name, count in outcome.calls.most_common():
        print(f"  {count:6} {name}")
    rests = [f"at rest after {calls}" for calls, _ in outcome.rests]
    heads = ["what", "before", "busy, median", "busy, most", *rests, "rise in 1,000 calls"]
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, before in outcome.before.items():
        busy = [found[name] for _, _, found in outcome.samples] or [before]
        rise = f"{outcome.rise(name):+.2f}" if plan.is_long else "-"
        values = [before, statistics.median(busy), max(busy)]
        values += [found[name] for _, found in outcome.rests]
        print("|", " | ".join([name, *(f"{value:.4g}" for value in values), rise]), "|")
    print(f"\n{len(outcome.faults)} faults")
    for fault in outcome.faults[:MOST_FAULTS]:
        print(f"  {fault[:600]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
