"""Whether an incoming call is answered: the account's mode and the menu file's number filters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# {*} stands for any digits or none, {?} for one.
_WILDCARDS = {"{*}": ".*", "{?}": "."}
_WILDCARD = re.compile(r"(\{\*\}|\{\?\})")


class AnswerMode(StrEnum):
    """What an account does with a call that comes in."""

    LISTEN = "listen"
    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFilter:
    """Who may be answered; at most one of the two lists is set, None being absent."""

    allowed: tuple[str, ...] | None = None
    blocked: tuple[str, ...] | None = None

    def admits(self, number: str) -> bool:
        """Tell whether a caller's parsed number may be answered."""
        if self.allowed is not None:
            return _matches_any(number, self.allowed)
        return self.blocked is None or not _matches_any(number, self.blocked)


def _matches_any(number: str, patterns: Iterable[str]) -> bool:
    return any(_as_regex(pattern).fullmatch(number) for pattern in patterns)


def _as_regex(pattern: str) -> re.Pattern[str]:
    parts = _WILDCARD.split(pattern)
    return re.compile("".join(_WILDCARDS.get(part, re.escape(part)) for part in parts), re.DOTALL)
