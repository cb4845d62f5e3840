"""Takes all figures, or those named, prints them and writes them to `bench.json`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pjsua2

from bench.measures import ALL
from bench.table import machine, print_head, print_row, write_json


def main(wanted: list[str]) -> int:
    """Take the figures; 2 for a name that there is not."""
    measures = {measure.__name__: measure for measure in ALL}
    unknown = [name for name in wanted if name not in measures]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(measures)}")
        return 2
    about = {
        **machine(),
        "pjsua2": "from source" if hasattr(pjsua2, "HASIP_MAX_CALLS") else "wheel",
    }
    print_head(about)
    figures = []
    for name in wanted or measures:
        with TemporaryDirectory(prefix="ha-sip-bench-") as folder:
            for row in measures[name](Path(folder)):
                print_row(row)
                figures.append(row)
    path = Path("bench.json")
    write_json(path, about, figures)
    print(f"\nWritten to {path.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
