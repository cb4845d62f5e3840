"""What is wrong in something people wrote: the place, and what to write instead."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Place = tuple[str | int, ...]  # keys and indices from the outside in, as written
# Choices that are no codes, and so no secrets.
FALLBACKS = frozenset(("default", "timeout"))
SHOWN_LENGTH = 60
LONGEST_SHOWN_CHOICE = 2
REQUIRED = "is required"
MAPPING = "must be a mapping, each line a key and its value"
LIST = "must be a list"
TOO_DEEP = "stands in itself, or is nested too deeply"
# Much deeper than any menu for people; each level takes some of Python's 1,000 calls in a row.
DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    place: Place
    text: str
    where: str  # the place for people, PINs masked

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"{self.where}: {self.text}" if self.where else self.text


class FindingsError(ConfigError):
    """What was written cannot be used; each finding names the place."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(map(str, self.findings)))


class Mistakes:
    """What is wrong in one text, as it is found."""

    def __init__(self, raw: object) -> None:
        self.findings: list[Finding] = []
        self._raw = raw
        self._around: set[int] = set()  # the ids of the mappings that the reader is in

    def add(self, place: Place, what: str, written: object = None) -> None:
        """Take note of a mistake, and of what was written if that is short."""
        if isinstance(written, str | int | float) and "got" not in what:
            what = f'{what}; got "{str(written)[:SHOWN_LENGTH]}"'
        self.findings.append(Finding(place, what, shown(place, self._raw)))

    def enter(self, node: object, place: Place) -> bool:
        """Tell whether to go on into a mapping: YAML's aliases can put one into itself."""
        if len(self._around) >= DEEPEST or id(node) in self._around:
            self.add(place, TOO_DEEP)
            return False
        self._around.add(id(node))
        return True

    def leave(self, node: object) -> None:
        """Take note that a mapping was read that was entered."""
        self._around.discard(id(node))


def unknown(word: str, known: Iterable[str], kind: str) -> str:
    """Say that nobody knows a word, and which one may be meant."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(known)}"
    return f'unknown {kind} "{word[:SHOWN_LENGTH]}"; {hint}'


def shown(place: Place, raw: object) -> str:
    """Return a place as a dotted path, codes masked."""
    parts: list[str] = []
    node, menu = raw, raw
    for part in place:
        is_choice = parts[-1:] == ["choices"]
        is_pin = isinstance(menu, dict) and bool(menu.get("choices_are_pin"))
        parts.append(shown_choice(str(part), is_pin=is_pin) if is_choice else str(part))
        menu, node = node, _child(node, part)
    return ".".join(parts)


def shown_choice(key: str, *, is_pin: bool) -> str:
    """Return a choice's key, or `*` for what is a code, also where `choices_are_pin` is amiss."""
    is_code = key not in FALLBACKS and (is_pin or len(key) > LONGEST_SHOWN_CHOICE)
    return "*" if is_code else key


def _child(node: object, part: str | int) -> object:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
