"""Reads single values; each raises ValueError with what must be there instead.

Numbers and switches may be text: templates of Home Assistant make text of everything.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from enum import StrEnum

    from hasip.commands.marks import Between, Characters

    N = TypeVar("N", int, float)
    E = TypeVar("E", bound=StrEnum)

_ON = frozenset(("1", "true", "t", "yes", "y", "on"))
_OFF = frozenset(("0", "false", "f", "no", "n", "off"))
_WHOLE = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0+)?")
_LONGEST_NUMBER = 4000  # digits; Python itself refuses to read a little more


def text(value: object, characters: Characters) -> str:
    """Read a text."""
    if not isinstance(value, str):
        msg = "must be text"
        raise ValueError(msg)  # noqa: TRY004 - as all mistakes in what was written
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which no file or socket takes
        msg = "must be text of whole characters"
        raise ValueError(msg) from error
    read = value.strip() if characters.is_trimmed else value
    if len(read) < characters.fewest:
        msg = f"String should have at least {_count(characters.fewest)}"
        raise ValueError(msg)
    if characters.most is not None and len(read) > characters.most:
        msg = f"String should have at most {_count(characters.most)}"
        raise ValueError(msg)
    if characters.pattern is not None and not re.fullmatch(characters.pattern, read):
        msg = f"String should match pattern '^{characters.pattern}$'"
        raise ValueError(msg)
    return read.upper() if characters.is_upper else read


def switch(value: object) -> bool:
    """Read what is on or off."""
    word = str(value).lower() if isinstance(value, str | int) else str(value).removesuffix(".0")
    if not isinstance(value, str | int | float) or word not in _ON | _OFF:
        msg = "must be true or false"
        raise ValueError(msg)
    return word in _ON


def whole(value: object) -> int:
    """Read a whole number."""
    if isinstance(value, float) and not math.isfinite(value):
        msg = "Input should be a finite number"
        raise ValueError(msg)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if isinstance(value, str) and len(value) < _LONGEST_NUMBER and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    msg = "must be a whole number"
    raise ValueError(msg)


def number(value: object) -> float:
    """Read a number that is not endless."""
    try:
        read = float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        read = None
    if read is None:
        msg = "must be a number"
        raise ValueError(msg)
    if not math.isfinite(read):
        msg = "Input should be a finite number"
        raise ValueError(msg)
    return read


def within(limits: Between, read: N) -> N:
    """Return a number if it is within its limits."""
    if limits.low is not None and read < limits.low:
        msg = f"Input should be greater than or equal to {limits.low}"
        raise ValueError(msg)
    if limits.high is not None and read > limits.high:
        msg = f"Input should be less than or equal to {limits.high}"
        raise ValueError(msg)
    return read


def word_of(kind: type[E], value: object) -> E:
    """Read one of the words of an enumeration."""
    words = [word.value for word in kind]
    if value not in words:
        *others, last = (f"'{word}'" for word in words)
        msg = f"Input should be {', '.join(others)} or {last}"
        raise ValueError(msg)
    return kind(value)


def _count(characters: int) -> str:
    return f"{characters} character{'' if characters == 1 else 's'}"
