"""What a field may hold beyond its type; stands in its `Annotated`, and `reading.py` obeys it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Characters:
    """What a text may look like; it is trimmed first, and made upper case in the end."""

    is_trimmed: bool = False
    is_upper: bool = False
    fewest: int = 0
    most: int | None = None
    pattern: str | None = None  # of all of it


@dataclass(frozen=True, slots=True)
class Between:
    """The limits of a number, themselves allowed."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class First:
    """What is made of a value before it is read; a ValueError says what is wrong with it."""

    change: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class WrittenAs:
    """The key in place of the field's name."""

    key: str


@dataclass(frozen=True, slots=True)
class ByWord:
    """Which class of a union is meant is said by the word under `key`; without it, `default`."""

    key: str
    default: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForEditors:
    """What the JSON schema says of a field that its type doesn't."""

    kind: object = None  # what may be written, where `First` takes more than the type
    more: Mapping[str, Any] | None = None
