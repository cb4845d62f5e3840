"""Whether an incoming call is answered: the account's mode and the menu file's number filters."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.calls.uri import parse_number, who
from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

# {*} stands for any digits or none, {?} for one.
_ANY, _ONE = "{*}", "{?}"


class AnswerMode(StrEnum):
    """What an account does with a call that comes in."""

    LISTEN = "listen"
    ACCEPT = "accept"
    REJECT = "reject"


class NumberPatterns:
    """Numbers, and patterns of them; made when their file is read, since they may be thousands."""

    def __init__(self, written: Iterable[str]) -> None:
        self.written = tuple(written)
        wild = [pattern for pattern in self.written if _ANY in pattern or _ONE in pattern]
        self._expressions = tuple(map(_as_regex, wild))
        self._numbers = frozenset(self.written).difference(wild)

    def match_any(self, forms: set[str]) -> bool:
        """Tell whether one of the forms of a number is among them."""
        return not self._numbers.isdisjoint(forms) or any(
            expression.fullmatch(form) for form in forms for expression in self._expressions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFilter:
    """Who may be answered; at most one of the two lists is set, None being absent."""

    allowed: NumberPatterns | None = None
    blocked: NumberPatterns | None = None

    def admits(self, remote_uri: str) -> bool:
        """Tell whether a caller may be answered; his number counts as it is written, too."""
        forms = {parse_number(remote_uri), who(remote_uri)}
        if self.allowed is not None:
            return self.allowed.match_any(forms)
        return self.blocked is None or not self.blocked.match_any(forms)


def _as_regex(pattern: str) -> re.Pattern[str]:
    """Return an expression whose time grows with the length of the number, whoever chose it."""
    first, *rest = [".".join(map(re.escape, part.split(_ONE))) for part in pattern.split(_ANY)]
    if not rest:
        return re.compile(first, re.DOTALL)
    # The first place where a part fits leaves most for those that follow: no other is tried.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)
