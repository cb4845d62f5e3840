"""What is wrong in something people wrote: the place, and what to write instead."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError

Place = tuple[str | int, ...]  # keys and indices from the outside in, as written
# Choices that are no codes, and so no secrets.
FALLBACKS = frozenset(("default", "timeout"))
SHOWN_LENGTH = 60
LONGEST_SHOWN_CHOICE = 2
# pydantic's kinds of mistakes in the words of those who write menus.
_IN_PLAIN_WORDS = {
    "missing": "is required",
    "model_type": "must be a mapping, each line a key and its value",
    "dict_type": "must be a mapping, each line a key and its value",
    "list_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    place: Place
    text: str
    where: str  # the place for people, PINs masked

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"{self.where}: {self.text}" if self.where else self.text


def findings_of(error: ValidationError, raw: object, verbs: Iterable[str]) -> Iterator[Finding]:
    """Yield what pydantic found in `raw`; `verbs` are its names for the kinds of command."""
    tags = frozenset(verbs)
    for problem in error.errors(include_url=False):
        written = problem["input"]
        what = _IN_PLAIN_WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        place = _without_tags(problem["loc"], tags)
        if problem["type"] == "union_tag_invalid":
            text = unknown(problem["ctx"]["tag"], tags, "command")
        elif isinstance(written, str | int | float) and "got" not in what:
            text = f'{what}; got "{str(written)[:SHOWN_LENGTH]}"'
        else:
            text = what
        yield Finding(place, text, shown(place, raw))


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


def _without_tags(location: Place, tags: frozenset[str]) -> Place:
    """Leave out what pydantic puts in: the kind of the command, which nobody wrote there."""
    place: list[str | int] = []
    for part in location:
        if part == "[key]" or (part in tags and place[-1:] in ([], ["action"])):
            continue
        place.append(part)
    return tuple(place)
