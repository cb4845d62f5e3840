"""Reads a profile of AppArmor, and tells what it allows: for machines whose kernel has none.

Only what profiles of one program need: rules for files, with variables and patterns.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_VARIABLE = re.compile(r"@\{(\w+)\}\s*\+?=\s*(.*)")
_USE = re.compile(r"@\{(\w+)\}")
_RULE = re.compile(r'(deny\s+)?(?:audit\s+|owner\s+)*("?[/@][^\s"]*"?)\s+([rwaxmlkiupcUPC]+),')
_GLOB = re.compile(r"\*\*|\*|\?|\[[^\]]*\]|\{|\}|,|.", re.DOTALL)
_AS_REGEX = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for files."""

    path: str  # as it is written
    rights: str  # `w` is `a`, too
    is_deny: bool
    pattern: re.Pattern[str]


class Profile:
    """The rules of one profile."""

    def __init__(self, text: str) -> None:
        """Read it; includes must have been put in."""
        values: dict[str, list[str]] = {}
        self.rules: list[Rule] = []
        for line in text.splitlines():
            stripped = line.strip()
            variable = _VARIABLE.fullmatch(stripped)
            if variable is not None:
                values.setdefault(variable[1], []).extend(variable[2].replace('"', "").split())
            found = _RULE.fullmatch(stripped)
            if found is not None:
                path = found[2].strip('"')
                pattern = "|".join(_regex(one) for one in _expanded(path, values))
                rule = Rule(path, found[3], found[1] is not None, re.compile(pattern))
                self.rules.append(rule)

    def refused(self, wanted: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield each path, with the right that is lacking, of those that are wanted."""
        for path, right in wanted:
            fitting = [
                rule for rule in self.rules if right in rule.rights and rule.pattern.fullmatch(path)
            ]
            if not fitting or any(rule.is_deny for rule in fitting):
                yield f"{path} {right}"


def profile_with_includes(file: Path) -> Profile:
    """Have AppArmor's own parser put in what a profile includes."""
    command = ["apparmor_parser", "--preprocess", "--skip-kernel-load", "--skip-cache", str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return Profile(done.stdout)


def _expanded(path: str, values: dict[str, list[str]]) -> Iterator[str]:
    """Yield a path with each value of each variable in it."""
    names = list(dict.fromkeys(_USE.findall(path)))
    if not names:
        yield path
        return
    for chosen in itertools.product(*(values.get(name, []) for name in names)):
        text = path
        for name, value in zip(names, chosen, strict=True):
            text = text.replace(f"@{{{name}}}", value)
        yield from _expanded(text, values)


def _regex(path: str) -> str:
    """Return the regular expression of a pattern; two slashes are one."""
    parts, depth = [], 0
    for part in _GLOB.findall(re.sub("/+", "/", path)):
        depth += (part == "{") - (part == "}")
        is_class = part.startswith("[")
        is_special = is_class or (part in _AS_REGEX and (part != "," or depth))
        parts.append(
            _AS_REGEX.get(part, part.replace("[^", "[^/")) if is_special else re.escape(part)
        )
    return "".join(parts)
