"""The tables of failures in `docs/home-assistant.md`: tests look for what the document promises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "home-assistant.md"
_ROW = re.compile(r"^\| `([a-z-]+)` \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Failure:
    """A row: what the log says, what the caller hears."""

    case: str
    log: str  # "" where nothing is to be said
    hears: str  # "" where nobody listens
    gets: str  # what Home Assistant gets, in a table of actions

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds the line; an ellipsis stands for anything."""
        return re.compile(".*".join(map(re.escape, self.log.split("…"))))

    def is_in(self, text: str) -> bool:
        """Tell whether some line of a log says it."""
        return any(self.pattern.search(line) for line in text.splitlines())


def _read() -> dict[str, Failure]:
    found: dict[str, Failure] = {}
    for case, rest in _ROW.findall(DOCUMENT.read_text(encoding="utf-8")):
        _, log, *others = rest.split(" | ")
        assert case not in found, f"{case} is there twice"
        assert log == "nothing" or re.fullmatch("`[^`]+`", log), f"{case}: {log}"
        hears, gets = ([*others, "", ""])[:2]
        found[case] = Failure(case, "" if log == "nothing" else log.strip("`"), hears, gets)
    return found


FAILURES = _read()
