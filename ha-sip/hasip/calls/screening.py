"""Whether an incoming call is answered: the account's mode and the menu file's number filters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.calls.uri import parse_number, who

if TYPE_CHECKING:
    from collections.abc import Iterable

# {*} stands for any digits or none, {?} for one.
_ANY, _ONE = "{*}", "{?}"


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

    def admits(self, remote_uri: str, caller: str | None = None) -> bool:
        """Tell whether a caller may be answered; his number counts as it is written, too.

        `caller` is `who(remote_uri)`, where that is known already.
        """
        forms = {parse_number(remote_uri), who(remote_uri) if caller is None else caller}
        if self.allowed is not None:
            return _matches_any(forms, self.allowed)
        return self.blocked is None or not _matches_any(forms, self.blocked)


def _matches_any(forms: Iterable[str], patterns: Iterable[str]) -> bool:
    expressions = [_as_regex(pattern) for pattern in patterns]
    return any(expression.fullmatch(form) for form in forms for expression in expressions)


def _as_regex(pattern: str) -> re.Pattern[str]:
    """Return an expression whose time grows with the length of the number, whoever chose it."""
    first, *rest = [".".join(map(re.escape, part.split(_ONE))) for part in pattern.split(_ANY)]
    if not rest:
        return re.compile(first, re.DOTALL)
    # The first place where a part fits leaves most for those that follow: no other is tried.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)
