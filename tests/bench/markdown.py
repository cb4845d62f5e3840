"""The tables of `docs/performance.md`, made from what a run found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.bars import BARS, BUILDS
from bench.picture import draw
from bench.speed import speed_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.bars import Bar
    from bench.figure import Figure
    from bench.report import Report

NAMES = dict(zip(BUILDS, ("wheel", "source build"), strict=True))
NONE = "–"  # noqa: RUF001 - in a table
_HUNDRED, _TEN = 100, 10


def write_into(docs: Path, report: Report) -> None:
    """Put the tables and the picture where the documentation has them."""
    page = docs / "performance.md"
    text = page.read_text("utf-8")
    if report.figures:
        text = _between("figures", figures_table(report), text)
        text = _between("missed", missed_list(report), text)
    if report.curves:
        text = _between("growth", growth_table(report), text)
        draw(docs / "growth.svg", report.curves)
    page.write_text(text, "utf-8")


def figures_table(report: Report) -> str:
    """Return all figures, and what they were taken on."""
    by_name: dict[str, dict[str, Figure]] = {}
    for row in report.figures:
        by_name.setdefault(row.name, {})[row.build] = row
    # A peer stands below our figure, whichever run it came from.
    ranks = {name: rank for rank, name in enumerate(by_name)}
    ordered = sorted(by_name.items(), key=lambda item: _rank(item[1], ranks))
    lines = [
        _about(_with_speed(report)),
        "",
        f"| figure | unit | public line | must | {' | '.join(NAMES.values())} |",
        "|---|---|---|---|---|---|",
        *(_row(name, found) for name, found in ordered),
    ]
    if report.unmeasured:
        lines.append("")
        lines += [
            f"- Not measured: {row.name}, {row.build}: {row.why}" for row in report.unmeasured
        ]
    return "\n".join(lines)


def missed_list(report: Report) -> str:
    """Return each figure that misses its bar beside its peer's, and why."""
    lines: dict[str, list[str]] = {}
    for row in report.figures:
        if row.verdict == "MISSED":
            peer = next((one for one in report.figures if _is_peer(one, row)), None)
            lines.setdefault(row.name, []).append(_missed(row, peer))
    return (
        "\n".join(
            f"- **{name}**: {'; '.join(said)}. {BARS[name].why}".rstrip()
            for name, said in lines.items()
        )
        or "Nothing."
    )


def growth_table(report: Report) -> str:
    """Return where each curve begins and ends, and how steep it is."""
    when = ("run", "at", "commit", "speed")
    lines = [
        _about({name: value for name, value in _with_speed(report).items() if name in when}),
        "",
        "| figure | over | from | to | exponent | of the rise |",
        "|---|---|---|---|---|---|",
    ]
    for curve in report.curves:
        first, last = curve.points[0], curve.points[-1]
        mark = " **steeper than linear**" if curve.is_steep else ""
        rise = NONE if curve.rise_exponent is None else f"{curve.rise_exponent:.2f}"
        lines.append(
            f"| {curve.name} | {first.at:,g} to {last.at:,g} {curve.over} "
            f"| {shown(first.median)} {curve.unit} | {shown(last.median)} {curve.unit} "
            f"| {curve.exponent:.2f} | {rise}{mark} |"
        )
    return "\n".join(lines)


def shown(value: float) -> str:
    """Return a value with as many digits as mean something."""
    if value >= _HUNDRED:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _TEN else f"{value:.2f}"


def _between(name: str, table: str, text: str) -> str:
    begin, end = f"<!-- bench: {name} -->", "<!-- bench: end -->"
    found = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
    changed, count = found.subn(lambda match: f"{match[1]}\n{table}\n{match[2]}", text)
    assert count == 1, f"there must be one {begin} … {end}, there are {count}"
    return changed


def _with_speed(report: Report) -> dict[str, str]:
    return report.about | ({"speed": speed_in_words(report.around)} if report.around else {})


def _about(about: dict[str, str]) -> str:
    said = "; ".join(f"{name}: {value}" for name, value in about.items())
    return f"Taken by the bench. {said[0].upper()}{said[1:]}."


def _row(name: str, found: dict[str, Figure]) -> str:
    unit = next(iter(found.values())).unit
    bar = BARS.get(name)
    what = f"*{name.strip()}*" if name.startswith(" ") else name
    cells = [_cell(found.get(build)) for build in BUILDS]
    return " | ".join([f"| {what}", unit, *_bar_cells(bar), *cells]) + " |"


def _bar_cells(bar: Bar | None) -> Iterator[str]:
    if bar is None:
        yield from (NONE, "")
        return
    yield NONE if bar.public is None else f"{bar.public:g}"
    notes = [bar.judged] if bar.judged != "median" else []
    notes += [NAMES[build] for build in bar.builds if bar.builds != BUILDS]
    yield f"{bar.must:g} ({', '.join(notes)})" if notes else f"{bar.must:g}"


def _cell(row: Figure | None) -> str:
    if row is None:
        return NONE
    said = shown(row.median)
    if row.count > 1:
        said = f"{said} / {shown(row.p99)} / {shown(row.worst)} ({row.count})"
    if row.ratio is not None:
        said += f", ours {row.ratio:.2f} times"
    return f"{said} **missed**" if row.verdict == "MISSED" else said


def _rank(found: dict[str, Figure], ranks: dict[str, int]) -> tuple[int, int]:
    row = next(iter(found.values()))
    return ranks.get(row.peer_of or row.name, ranks[row.name]), ranks[row.name]


def _is_peer(peer: Figure, ours: Figure) -> bool:
    return peer.peer_of == ours.name and peer.build == ours.build


def _missed(ours: Figure, peer: Figure | None) -> str:
    bar = ours.bar
    assert bar is not None
    value = float(getattr(ours, bar.judged))
    judged = "" if bar.judged == "median" else f"{bar.judged} "
    # With more digits than the table: what misses by little must be seen to.
    said = f"{NAMES[ours.build]} {judged}{value:,.2f} {ours.unit}, must {bar.must:g}"
    if peer is None:
        return said
    floor = float(getattr(peer, bar.judged))
    more = f"ours {value - floor:,.2f} more" if value > floor else "no less than ours"
    above = "" if bar.is_reached(floor) else " (misses it too)"
    return f"{said}; *{peer.name.strip()}* {floor:,.2f}{above}, {more}"
