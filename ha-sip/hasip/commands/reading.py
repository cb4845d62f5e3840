"""Makes typed objects of what people wrote, and finds every mistake in it, not only the first.

A class derived from `Written` says by the types of its fields what may be written, and by marks in
`Annotated` what else must hold (`marks.py`). Numbers and switches may be written as text, since
templates of Home Assistant make text of everything. Libraries that do this stop at the first
mistake, or cost 14 MiB and a third of the start.
"""

from __future__ import annotations

from dataclasses import MISSING, field, fields
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from hasip.commands.findings import LIST, MAPPING, REQUIRED, FindingsError, Mistakes, unknown
from hasip.commands.marks import Between, ByWord, Characters, First, WrittenAs
from hasip.commands.scalars import number, switch, text, whole, within, word_of
from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field as DataclassField

    from hasip.commands.findings import Place

    Read = Callable[[Any, Place, Mistakes], Any]

# Names in annotations of modules that can't import them.
_named_later: dict[str, Any] = {}

W = TypeVar("W", bound="Written")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Written:
    """What people can write: a mapping whose keys are the fields."""

    # An old file with keys that mean nothing must still work; whoever reads it warns of them.
    unknown_keys: tuple[str, ...] = field(default=(), repr=False)


class Entry(NamedTuple):
    """A field as it is written."""

    field: DataclassField[Any]
    key: str
    kind: Any  # its type, with its marks
    is_required: bool


def name_later(**kinds: object) -> None:
    """Make names known that stand in annotations of modules which can't import them."""
    _named_later.update(kinds)


def read(kind: type[W], raw: object) -> W:
    """Return what was written as an object of a class; raises `FindingsError`."""
    made: W = read_as(kind, raw)
    return made


def read_as(kind: object, raw: object) -> Any:  # noqa: ANN401 - of that kind
    """Return what was written as any kind there can be a field of; raises `FindingsError`."""
    mistakes = Mistakes(raw)
    made = _reader(kind)(raw, (), mistakes)
    if mistakes.findings:
        raise FindingsError(mistakes.findings)
    return made


def keys_of(kind: type) -> tuple[str, ...]:
    """Return the keys that mean something, as they are written."""
    return tuple(entry.key for entry in entries(kind))


@cache
def entries(kind: type) -> tuple[Entry, ...]:
    """Return a class's fields as they are written."""
    hints = get_type_hints(kind, localns=_named_later, include_extras=True)
    found = []
    for one in fields(kind):
        if one.name != "unknown_keys":
            marks = marks_of(hints[one.name])[1]
            key = next((mark.key for mark in marks if isinstance(mark, WrittenAs)), one.name)
            is_required = one.default is MISSING and one.default_factory is MISSING
            found.append(Entry(one, key, hints[one.name], is_required))
    return tuple(found)


def marks_of(kind: object) -> tuple[Any, tuple[Any, ...]]:
    """Return a kind without its marks, and these."""
    if get_origin(kind) is Annotated:
        bare, *marks = get_args(kind)
        return bare, tuple(marks)
    return kind, ()


# --- a function for each kind ---------------------------------------------------------------


@cache
def _reader(kind: object) -> Read:
    bare, marks = marks_of(kind)
    word = next((mark for mark in marks if isinstance(mark, ByWord)), None)
    reader = _bare_reader(bare, marks) if word is None else _one_of(get_args(bare), word)
    for mark in reversed(marks):
        if isinstance(mark, First):
            reader = _changed(mark.change, reader)
    return reader


def _bare_reader(kind: Any, marks: tuple[Any, ...]) -> Read:  # noqa: ANN401 - a type
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or origin is Literal:
        return _as_it_is
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is list:
        return _list(arguments[0])
    if origin is dict:
        return _dict(*arguments)
    if issubclass(kind, Written):
        return _object(kind)
    if issubclass(kind, StrEnum):
        return _changed(lambda value: word_of(kind, value))
    limits = next((mark for mark in marks if isinstance(mark, Between)), Between())
    characters = next((mark for mark in marks if isinstance(mark, Characters)), Characters())
    scalars: dict[type, Callable[[Any], Any]] = {
        str: lambda value: text(value, characters),
        bool: switch,
        int: lambda value: within(limits, whole(value)),
        float: lambda value: within(limits, number(value)),
    }
    return _changed(scalars[kind])


def _as_it_is(value: Any, _: Place, __: Mistakes) -> Any:  # noqa: ANN401
    return value


def _changed(change: Callable[[Any], Any], reader: Read = _as_it_is) -> Read:
    def read(value: Any, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401
        try:
            changed = change(value)
        except ValueError as error:
            mistakes.add(place, str(error), value)
            return None
        return reader(changed, place, mistakes)

    return read


def _union(kinds: tuple[Any, ...]) -> Read:
    """Read what may be left out, or what may be one or a list of them."""
    readers = {get_origin(kind) is list: _reader(kind) for kind in kinds if kind is not NoneType}

    def read(value: Any, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401
        if value is None and NoneType in kinds:
            return None
        reader = readers.get(isinstance(value, list)) or next(iter(readers.values()))
        return reader(value, place, mistakes)

    return read


def _list(kind: object) -> Read:
    reader = _reader(kind)

    def read(value: Any, place: Place, mistakes: Mistakes) -> list[Any] | None:  # noqa: ANN401
        if not isinstance(value, list):
            mistakes.add(place, LIST, value)
            return None
        return [reader(item, (*place, index), mistakes) for index, item in enumerate(value)]

    return read


def _dict(key_kind: object, kind: object) -> Read:
    key_reader, reader = _reader(key_kind), _reader(kind)

    def read(value: Any, place: Place, mistakes: Mistakes) -> dict[Any, Any] | None:  # noqa: ANN401
        if not isinstance(value, dict):
            mistakes.add(place, MAPPING, value)
            return None
        return {
            key_reader(key, (*place, key), mistakes): reader(item, (*place, key), mistakes)
            for key, item in value.items()
        }

    return read


def _one_of(kinds: tuple[type[Written], ...], by: ByWord) -> Read:
    """Read one of several classes: the one whose default or only word is there."""
    words = {word_for(kind, by.key): _object(kind) for kind in kinds}

    def read(value: Any, place: Place, mistakes: Mistakes) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            mistakes.add(place, MAPPING, value)
            return None
        word = value.get(by.key)
        if word is None:
            word = by.default
        reader = words.get(word) if isinstance(word, str) else None
        if reader is None:
            mistakes.add(place, unknown(str(word), words, by.key))
            return None
        return reader({**value, by.key: word}, place, mistakes)

    return read


def word_for(kind: type, key: str) -> str:
    """Return the one word that stands for a class under `key`."""
    hint = next(entry.kind for entry in entries(kind) if entry.key == key)
    word: str = get_args(hint)[0]
    return word


@cache
def _readers_of(kind: type) -> dict[str, tuple[Entry, Read]]:
    """Return how each key is read; Python's names are taken, too."""
    readers = [(entry, _reader(entry.kind)) for entry in entries(kind)]
    names = {entry.field.name: (entry, reader) for entry, reader in readers}
    return names | {entry.key: (entry, reader) for entry, reader in readers}


@cache
def _required(kind: type) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries(kind) if entry.is_required)


_KEY = _reader(str)


def _object(kind: type) -> Read:
    def read(value: Any, place: Place, mistakes: Mistakes) -> Written | None:  # noqa: ANN401
        if not isinstance(value, dict):
            mistakes.add(place, MAPPING, value)
            return None
        if not mistakes.enter(value, place):
            return None
        made = _filled(kind, value, place, mistakes)
        mistakes.leave(value)
        return made

    return read


def _filled(kind: type, value: dict[str, Any], place: Place, mistakes: Mistakes) -> Written | None:
    known_mistakes = len(mistakes.findings)
    fields_read: dict[str, Any] = {}
    unknown_keys = []
    readers = _readers_of(kind)
    for key, item in value.items():
        found = readers.get(key)
        # Python's name beside the one that is written says nothing, either.
        if found is None or (key != found[0].key and found[0].key in value):
            unknown_keys.append(key)
            _KEY(key, place, mistakes)
            continue
        entry, reader = found
        fields_read[entry.field.name] = reader(item, (*place, key), mistakes)
    for entry in _required(kind):
        if entry.field.name not in fields_read:
            mistakes.add((*place, entry.key), REQUIRED)
    if len(mistakes.findings) > known_mistakes:
        return None
    made: Written = kind(**fields_read, unknown_keys=tuple(unknown_keys))
    return made
