"""What the benchmarks say of figures, of those that miss their bar, and where there are none."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bench import __main__ as program
from bench.curve import Curve, Point
from bench.figure import Figure, figure
from bench.markdown import write_into
from bench.report import Report
from support.source_build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.workshop import Workshop

SLOW = "dial to INVITE, small command"
CROWD = "calls at once, own prompt, nothing lost"
MEMORY = "memory, idle (RSS)"
STRAIGHT = Curve("calls at once: memory", "calls at once", "MiB", [Point(1, [2]), Point(10, [20])])


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

    monkeypatch.setattr("bench.workshop.python_of", none)
    found, missing = program.builds("source")

    assert found == []
    assert missing[0].why == ".venv-source/bin/python is missing"


@pytest.mark.parametrize(
    ("points", "exponent", "last", "is_steep"),
    [
        ([(1, [3]), (10, [30]), (100, [300])], 1.0, 1.0, False),
        ([(1, [3]), (10, [30]), (100, [3000])], 1.5, 2.0, True),
        # Two times as much for twice, but its values differ by more than what is above linear.
        ([(1, [1]), (100, [1.0]), (200, [1.6, 2.1, 2.2])], 0.09, 1.07, False),
        # Nothing of what it has at first hides how steep it ends.
        ([(1, [70]), (100, [70]), (200, [290, 300])], 0.17, 2.07, True),
        ([(20, [0]), (40, [0])], 0.0, 0.0, False),
    ],
)
def test_the_exponent_of_a_curve_and_whether_it_is_worse_than_linear(
    points: Sequence[tuple[float, Sequence[float]]], exponent: float, last: float, *, is_steep: bool
) -> None:
    curve = Curve("x", "calls", "ms", [Point(at, values) for at, values in points])

    assert curve.exponent == pytest.approx(exponent, abs=0.01)
    assert curve.last_exponent == pytest.approx(last, abs=0.01)
    assert curve.is_steep == is_steep
    assert ("STEEPER" in curve.line) == is_steep


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
    write_into(tmp_path, Report.merged(reports))
    text = page.read_text("utf-8")

    assert "Run: full." in text
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
    assert f"**{SLOW}**" not in text  # it reaches its bar
    assert "| calls at once: memory | 1 to 10 calls at once | 2.00 MiB | 20.0 MiB | 1.00 " in text
    assert "exponent 1.00" in (tmp_path / "growth.svg").read_text("utf-8")
    assert Report.read(tmp_path / "one.json").figures == [figure(SLOW, "wheel", "ms", [1.25])]
