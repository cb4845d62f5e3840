"""Reads single values of a section, and collects what can't be used."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, TypeVar

from hasip.dataclass import dataclass
from hasip.secret import SecretStr
from hasip.settings.model import Problem
from hasip.settings.options import OFF_WORDS, ON_WORDS, switch
from hasip.settings.sources import SECRET_KEYS, Section

if TYPE_CHECKING:
    from enum import StrEnum

    E = TypeVar("E", bound=StrEnum)


@dataclass(slots=True)
class Reader:
    """Reads single values; what can't be used becomes a problem and the default is taken."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    suffix: str = ""  # follows the setting's name: which account it is about

    def text(self, section: Section, key: str, default: str = "") -> str:
        """Return a value, or the default where there is none."""
        return section.values.get(key, "").strip() or default

    def optional(self, section: Section, key: str) -> str | None:
        """Return a value, or None."""
        return self.text(section, key) or None

    def secret(self, section: Section, key: str) -> SecretStr:
        """Return a value that is never shown."""
        return SecretStr(section.values.get(key, ""))

    def flag(self, section: Section, key: str, *, default: bool) -> bool:
        """Return what one of the words for on and off means."""
        written = self.text(section, key)
        if not written:
            return default
        try:
            return switch(written)
        except ValueError:
            allowed = ", ".join(ON_WORDS + OFF_WORDS)
            self.problem(section, key, f"must be one of {allowed}")
            return default

    def number(self, section: Section, key: str, default: float, low: float, high: float) -> float:
        """Return a number within its limits."""
        written = self.text(section, key)
        if not written:
            return default
        try:
            number = float(written)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            self.problem(section, key, f"must be a number from {low:g} to {high:g}")
            return default
        return number

    def whole(self, section: Section, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number within its limits."""
        number = self.number(section, key, default, low, high)
        if number != int(number):
            self.problem(section, key, f"must be a whole number from {low} to {high}")
            return default
        return int(number)

    def choice(self, section: Section, key: str, default: E) -> E:
        """Return one of the words of an enumeration, in any case."""
        written = self.text(section, key).lower()
        if not written:
            return default
        try:
            return type(default)(written)
        except ValueError:
            allowed = ", ".join(type(default))
            self.problem(section, key, f"must be one of {allowed}")
            return default

    def problem(self, section: Section, key: str, text: str) -> None:
        """Take note of a value that cannot be used."""
        shown = None if key in SECRET_KEYS else section.values.get(key)
        self.problems.append(Problem(section.name_of(key) + self.suffix, text, shown))
