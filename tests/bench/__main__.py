"""Takes all figures, or those named, prints them and writes them to `bench.json`."""

from __future__ import annotations

import argparse
import compileall
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench import growth
from bench.answer import slow_webhooks
from bench.bars import BUILDS
from bench.builds import builds
from bench.churn import churn
from bench.crowd import crowd
from bench.dial import dial
from bench.digits import digits
from bench.figure import HEAD, CannotMeasureError, Unmeasured
from bench.healthcheck import healthcheck
from bench.idle import idle
from bench.keeper import keeper
from bench.machine import about
from bench.markdown import figures_table, growth_table, write_into
from bench.options import slow_speech
from bench.processor import processor
from bench.report import MixedRunsError, Report
from bench.speech import first_syllable
from bench.speed import Moment, around
from bench.start import start
from bench.workshop import Workshop
from support.gateway import PACKAGE_DIR
from support.source_build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bench.curve import Curve
    from bench.figure import Figure
    from bench.report import Row

    Measure = Callable[[Workshop], Iterator[Figure | Curve]]

ALL: tuple[Measure, ...] = (
    start,
    idle,
    keeper,
    healthcheck,
    dial,
    slow_speech,
    slow_webhooks,
    digits,
    first_syllable,
    crowd,
    processor,
    churn,
    *growth.ALL,
)
# Names for several.
GROUPS = {"growth": [measure.__name__ for measure in growth.ALL]}


def main(arguments: list[str]) -> int:
    """Take the figures; returns 1 where one could not be taken, never for what it is."""
    measures = {measure.__name__: measure for measure in ALL}
    wanted = _options(arguments, list(measures))
    if wanted.into_docs:
        return _into_docs(wanted.into_docs)
    # As pip does for users; where PYTHONDONTWRITEBYTECODE is set, nobody else would.
    compileall.compile_dir(PACKAGE_DIR, quiet=1)
    began_at = time.monotonic()
    found, missing = builds(wanted.build)
    report = Report({"run": "quick" if wanted.quick else "full", **about(found)})
    print(", ".join(f"{name}: {value}" for name, value in report.about.items()), f"\n{HEAD}")
    for one in missing:
        _take(one, report, wanted.json)
    before = Moment.now()
    for name in _each(wanted.names or measures):
        for build in found:
            rows: list[Row] = []
            with TemporaryDirectory(prefix="ha-sip-bench-", ignore_cleanup_errors=True) as folder:
                shop = Workshop(build, Path(folder), wanted.quick)
                for row in _measured(name, measures[name], shop):
                    _take(row, report, wanted.json)
                    rows.append(row)
            if found_rows := [row.name for row in rows if not isinstance(row, Unmeasured)]:
                after = Moment.now()
                _take(around(name, build.name, found_rows, before, after), report, wanted.json)
                before = after
    report.about["took"] = f"{(time.monotonic() - began_at) / 60:.1f} min"
    report.write(wanted.json)
    print(f"\n{figures_table(report)}\n\n{growth_table(report)}")
    print(f"\nWritten to {wanted.json.resolve()}")
    return int(any(row.is_failure for row in report.unmeasured))


def _each(names: Iterable[str]) -> list[str]:
    """Return the measurements that are meant."""
    return [one for name in names for one in GROUPS.get(name, [name])]


def _into_docs(files: Iterable[Path]) -> int:
    try:
        write_into(PROJECT / "docs", Report.merged(map(Report.read, files)))
    except MixedRunsError as error:
        print(f"These are not of one machine and state: {error}")
        return 1
    return 0


def _take(row: Row, report: Report, path: Path) -> None:
    """Print a row, and write it at once: a run that is broken off has what it found."""
    print(row.line, flush=True)
    report.add(row)
    report.write(path)


def _measured(name: str, measure: Measure, shop: Workshop) -> Iterator[Figure | Curve | Unmeasured]:
    """Yield what a measurement finds; where it can't go on, why, and the others follow."""
    try:
        yield from measure(shop)
    except CannotMeasureError as error:
        yield Unmeasured(name, shop.build.name, str(error), is_failure=False)
    except Exception as error:  # it must not cost the others
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        yield Unmeasured(name, shop.build.name, why, is_failure=True)


def _options(arguments: list[str], names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./build.sh bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join([*names, *GROUPS])}")
    parser.add_argument("--build", choices=(*BUILDS, "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="rougher, in a few minutes")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    parser.add_argument(
        "--into-docs",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing: put what is in these files (of one machine and commit; of what "
        "several have, that of the last) into docs/performance.md and docs/growth.svg",
    )
    wanted = parser.parse_args(arguments)
    if unknown := [name for name in _each(wanted.names) if name not in names]:
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(names)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
