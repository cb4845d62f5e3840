"""Fuzzes the surfaces that are named, or all, each with a gateway of its own, all at once."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

import pjsua2

from fuzz.run import HEAD, Plan, run
from fuzz.surfaces import ALL


def main(arguments: list[str]) -> int:
    """Return 0 where nothing is wrong, 1 where something is."""
    names = {surface.name: surface for surface in ALL}
    parser = argparse.ArgumentParser(prog="./build.sh fuzz", description=__doc__)
    parser.add_argument("surface", nargs="*", help=f"any of {', '.join(names)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed breaks the same")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--count", type=int, help="at most so many inputs")
    parser.add_argument("--jobs", type=int, default=4, help="so many surfaces at once (default: 4)")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.surface if name not in names]
    if unknown:
        parser.error(f"no such surface: {', '.join(unknown)}; there are {', '.join(names)}")
    plan = Plan(asked.seconds, asked.seed, asked.first, asked.count)
    build = "from source" if hasattr(pjsua2, "HASIP_MAX_CALLS") else "wheel"
    print(f"seed {plan.seed}, pjsua2 {build}\n{HEAD}", flush=True)
    wanted = [names[name] for name in asked.surface] or list(ALL)
    has_failed = False
    with ThreadPoolExecutor(asked.jobs) as pool:
        for done in as_completed([pool.submit(run, surface, plan) for surface in wanted]):
            outcome = done.result()
            print(outcome.row(), flush=True)
            for fault in outcome.faults:
                has_failed = True
                print(f"{outcome.surface}: {fault}\nsaved to {outcome.saved_to}", flush=True)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
