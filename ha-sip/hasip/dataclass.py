"""`dataclass` as in the standard library, but made in a third of the time, and of the memory.

The original writes and compiles six methods for each class, and there are 160: a quarter of the
time of a start, and 1.3 MiB. Here it does so for `__init__` alone; to compare, to hash and to show
is written once. That nobody changes a frozen object is for mypy to see, to which this is the
original.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, **how: bool) -> Callable[[type], type]:
        """Return what makes a dataclass of a class; takes what the original takes."""

        def make(cls: type) -> type:
            cls.__doc__ = cls.__doc__ or cls.__name__  # else a text of its signature is made
            made = dataclasses.dataclass(eq=False, repr=False, **how)(cls)
            if eq:
                _compare_by_values(made, is_hashable=frozen)
            if made.__repr__ is object.__repr__:
                made.__repr__ = _shown
            return made

        return make


__all__ = ["dataclass"]


def _compare_by_values(cls: Any, *, is_hashable: bool) -> None:  # noqa: ANN401 - any dataclass
    names = [one.name for one in dataclasses.fields(cls) if one.compare]
    values = attrgetter(*names) if names else lambda _: ()

    def equals(self: object, other: object) -> bool:
        return values(self) == values(other) if type(self) is type(other) else NotImplemented

    def hash_of(self: object) -> int:
        return hash(values(self))

    cls.__eq__ = equals
    cls.__hash__ = hash_of if is_hashable else None


@recursive_repr()
def _shown(self: Any) -> str:  # noqa: ANN401 - any dataclass
    fields = (one for one in dataclasses.fields(self) if one.repr)
    values = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields)
    return f"{type(self).__qualname__}({values})"
