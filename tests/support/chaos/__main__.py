"""Runs rounds of faults for as long as you like; `./build.sh chaos` calls it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from support.chaos.trial import run, table


def main() -> int:
    """Run, print what is measured, then the table and what the log said."""
    parser = argparse.ArgumentParser(prog="./build.sh chaos")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lasts", type=float, default=5.0, help="seconds that a fault lasts")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--ice", choices=("enabled", "disabled"), default="enabled")
    parser.add_argument("--only", nargs="+", default=[""], help="faults with this in their name")
    parser.add_argument("--log", type=Path, help="file for the gateway's log")
    parser.add_argument("--python", default=sys.executable, help="whose pjsua2 is used")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="ha-sip-chaos-") as folder:
        trial = run(
            Path(folder),
            rounds=given.rounds,
            seed=given.seed,
            lasts_s=given.lasts,
            python=given.python,
            transport=given.transport,
            ice=given.ice,
            only=given.only,
            log=given.log,
        )
    print("", *table(trial), "", sep="\n")
    for name, lines in trial.said.items():
        print(f"{name}:", *lines, sep="\n    ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
