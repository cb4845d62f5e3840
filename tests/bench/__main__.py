"""Takes all figures, or those named, prints them and writes them to `bench.json`."""

from __future__ import annotations

import argparse
import compileall
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import churn, digits, growth, many_calls, resting, signalling, speech
from bench.table import machine, print_head, print_row, write_json
from bench.workshop import Workshop, builds
from support.gateway import PACKAGE_DIR

ALL = (
    resting.start,
    resting.idle,
    signalling.dial,
    signalling.slow_speech,
    signalling.slow_webhooks,
    digits.digits,
    speech.first_syllable,
    many_calls.crowd,
    many_calls.processor,
    churn.churn,
    growth.growth,
)


def main(arguments: list[str]) -> int:
    """Take the figures."""
    measures = {measure.__name__: measure for measure in ALL}
    wanted = _options(arguments, list(measures))
    # As pip does for users; where PYTHONDONTWRITEBYTECODE is set, nobody else would.
    compileall.compile_dir(PACKAGE_DIR, quiet=1)
    about = {**machine(), "run": "quick" if wanted.quick else "full"}
    print_head(about)
    figures = []
    for name in wanted.names or measures:
        for build in builds(wanted.build):
            with TemporaryDirectory(prefix="ha-sip-bench-") as folder:
                for row in measures[name](Workshop(build, Path(folder), wanted.quick)):
                    print_row(row)
                    figures.append(row)
    write_json(wanted.json, about, figures)
    print(f"\nWritten to {wanted.json.resolve()}")
    return 0


def _options(arguments: list[str], names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./build.sh bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--build", choices=("wheel", "source", "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="under 3 minutes, rougher")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    wanted = parser.parse_args(arguments)
    if unknown := [name for name in wanted.names if name not in names]:
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(names)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
