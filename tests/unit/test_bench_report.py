"""What the benchmarks say of figures, of those that miss their bar, and where there are none."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from bench import __main__ as program
from bench.curve import Curve, Point
from bench.figure import Figure, Unmeasured, figure
from bench.markdown import write_into
from bench.picture import draw
from bench.report import MixedRunsError, Report
from bench.speed import Around
from support.source_build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.workshop import Workshop

SLOW = "dial to INVITE, small command"
CROWD = "calls at once, own prompt, nothing lost"
MEMORY = "memory, idle (RSS)"
STRAIGHT = Curve(
    "calls at once: memory",
    "source",
    "calls at once",
    "MiB",
    [Point(1, [2]), Point(4, [8]), Point(10, [20])],
)


def slow(shop: Workshop) -> Iterator[Figure]:
    ours = shop.figure(SLOW, "ms", [3.0, 3.0, 9.0])
    yield ours
    yield shop.beside(ours, "dial of bare pjsua2", "ms", [2.0])


def impossible(shop: Workshop) -> Iterator[Figure]:
    shop.need_room(1_000)
    yield from slow(shop)


def broken(shop: Workshop) -> Iterator[Figure]:
    yield shop.figure("before it", "ms", [1.0])
    raise FileNotFoundError(2, "No such file or directory", "sipp")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *measures: program.Measure) -> int:
    monkeypatch.setattr(program, "ALL", measures)
    monkeypatch.setattr(program.compileall, "compile_dir", lambda *_, **__: None)
    return program.main(["--build", "source", "--json", str(folder / "bench.json")])


def test_a_figure_that_misses_its_bar_is_marked_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(monkeypatch, tmp_path, slow)
    said = capsys.readouterr().out

    assert code == 0
    assert "median 1.5: MISSED" in said
    assert "ours is 1.50 times that" in said
    table = f"| {SLOW} | ms | 17.5 | 1.5 | – | 3.00 / 9.00 / 9.00 (3) **missed** |"  # noqa: RUF001
    assert table in said
    assert "| *dial of bare pjsua2* | ms | – |  | – | 2.00, ours 1.50 times |" in said  # noqa: RUF001
    about = Report.read(tmp_path / "bench.json").about
    assert about["pjsua2 of the source"].startswith("2.")
    assert {"processor", "cores", "memory", "system", "Python", "packages", "took"} <= set(about)


def test_what_cannot_be_measured_says_why_and_the_others_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, impossible, slow) == 0
    assert "not measured: takes 1000 calls, and it has room for 200" in capsys.readouterr().out
    assert run(monkeypatch, tmp_path, broken, slow) == 1
    assert "FAILED: FileNotFoundError: " in capsys.readouterr().out

    report = Report.read(tmp_path / "bench.json")
    assert [row.name for row in report.figures][:2] == ["before it", SLOW]
    assert "'sipp'" in report.unmeasured[0].why


def test_a_build_that_is_not_there_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> str:
        msg = ".venv-source/bin/python is missing"
        raise AssertionError(msg)

    monkeypatch.setattr("bench.builds.python_of", none)
    found, missing = program.builds("source")

    assert found == []
    assert missing[0].why == ".venv-source/bin/python is missing"


@pytest.mark.parametrize(
    ("points", "exponent", "rise", "is_steep"),
    [
        ([(1, [3]), (10, [30]), (100, [300])], 1.0, 1.0, False),
        ([(1, [3]), (10, [30]), (100, [3000])], 1.5, 1.96, True),
        # Much is there from the start, and the rest grows with the square of calls.
        ([(1, [47]), (50, [49.1]), (100, [55.4]), (200, [80.6])], 0.07, 1.99, True),
        ([(1, [47]), (50, [55.3]), (100, [63.7]), (200, [80.6])], 0.09, 1.01, False),
        # A little more with the most of them, as a value that is measured once may be.
        ([(1, [45.0]), (16, [45.0]), (32, [46.5])], 0.01, None, False),
        # More than twice for twice, but its values differ by more than that.
        ([(1, [1]), (100, [1.5, 2, 2]), (200, [2, 3.2, 3.4])], 0.19, 1.13, False),
        ([(1, [70]), (100, [70]), (200, [290, 300])], 0.17, 5.96, True),
        ([(1, [1]), (10, [11])], 1.04, None, True),
        ([(20, [0]), (40, [0])], 0.0, None, False),
    ],
)
def test_the_exponent_of_a_curve_and_whether_it_is_worse_than_linear(
    points: Sequence[tuple[float, Sequence[float]]],
    exponent: float,
    rise: float | None,
    *,
    is_steep: bool,
) -> None:
    curve = Curve("x", "source", "calls", "", [Point(at, values) for at, values in points])

    assert curve.exponent == pytest.approx(exponent, abs=0.01)
    assert curve.rise_exponent == (None if rise is None else pytest.approx(rise, abs=0.01))
    assert curve.is_steep == is_steep
    assert ("STEEPER" in curve.line) == is_steep


def test_a_steep_curve_stays_within_its_box(tmp_path: Path) -> None:
    steep = Curve("x", "source", "calls", "ms", [Point(1, [1]), Point(10, [1]), Point(20, [9000])])
    draw(tmp_path / "one.svg", [steep])
    heights = re.findall(r'cy="([\d.-]+)"', (tmp_path / "one.svg").read_text("utf-8"))

    assert [float(height) for height in heights] == [200, 200, 0]


def test_runs_on_different_states_are_not_put_together() -> None:
    reports = [Report({"commit": "1234567", "at": "noon"}), Report({"commit": "89abcde"})]
    with pytest.raises(MixedRunsError, match="commit: 1234567 and 89abcde"):
        Report.merged(reports)


def test_the_figures_of_several_runs_go_into_the_documentation(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    shutil.copy(PROJECT / "docs/performance.md", page)
    reports = [Report({"run": name}) for name in ("full", "again")]
    for report, value in zip(reports, (100.0, 1.25), strict=True):
        report.add(figure(SLOW, "wheel", "ms", [value]))
        report.write(tmp_path / "one.json")
    memory = figure(MEMORY, "source", "MiB", [1234.0])
    reports[0].add(memory)
    # What a later run adds stands below what it belongs to.
    reports[1].add(figure("  RSS of bare pjsua2", "source", "MiB", [1200.0]).beside(memory))
    for build in ("wheel", "source"):
        reports[1].add(figure(CROWD, build, "calls", [4]))
    reports[1].add(STRAIGHT)
    machine = Around("dial", "source", (SLOW,), 2.5, (20.0, 41.0), (1.0, 2.0), 0.5)
    reports[0].add(machine)
    reports[0].add(Unmeasured("crowd", "source", "no gcc", is_failure=True))
    reports[1].add(Around("crowd", "source", (CROWD,), 20.0, (30.0, 30.0), (1.0, 1.0), 0.0))
    reports[0].write(tmp_path / "first.json")
    write_into(tmp_path, Report.merged(reports))
    text = page.read_text("utf-8")

    assert "Run: full, again; speed: 300,000 additions in Python took 20 to 41 ms" in text
    assert f"| {SLOW} | ms | 17.5 | 1.5 | 1.25 | – |" in text  # noqa: RUF001
    assert (
        f"| {MEMORY} | MiB | 47.5 | 45 | – | 1,234 **missed** |\n"  # noqa: RUF001
        "| *RSS of bare pjsua2* | MiB | – |  | – | 1,200, ours 1.03 times |\n"  # noqa: RUF001
    ) in text
    assert (
        f"- **{MEMORY}**: source build 1,234.00 MiB, must 45; "
        "*RSS of bare pjsua2* 1,200.00 (misses it too), ours 34.00 more."
    ) in text
    assert f"| {CROWD} | calls | 4 | 200 (source build) | 4.00 | 4.00 **missed** |" in text
    assert f"- **{CROWD}**: source build 4.00 calls, must 200." in text
    assert "no gcc" not in text  # the later run has it
    assert f"**{SLOW}**" not in text  # it reaches its bar
    assert (
        "| calls at once: memory | 1 to 10 calls at once | 2.00 MiB | 20.0 MiB | 1.00 | 1.00 |"
        in text
    )
    assert "exponent 1.00" in (tmp_path / "growth.svg").read_text("utf-8")
    assert Report.read(tmp_path / "one.json").figures == [figure(SLOW, "wheel", "ms", [1.25])]
    assert Report.read(tmp_path / "first.json").around == [machine]
