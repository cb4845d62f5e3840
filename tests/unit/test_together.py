"""The order of tests: those that wait begin early, and are looked at last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from support.together import Together, put_last

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class Item:
    nodeid: str
    path: Path
    function: Callable[..., None]


def plain(tmp_path: Path) -> None:
    """Do nothing."""
    assert tmp_path


def items(text: str, kinds: dict[str, Callable[..., None]]) -> list[Item]:
    """Return items from words such as `a.w`: one of the kind `w` in the file `a`."""
    words = [word.split(".") for word in text.split()]
    return [Item(f"{file}.{kind}", Path(file), kinds[kind]) for file, kind in words]


def test_those_that_wait_come_last_and_begin_with_their_file_or_the_one_before() -> None:
    first, second, other = Together(ahead=True), Together(ahead=True), Together()
    kinds = {"-": plain, "w": first(plain), "v": second(plain), "o": other(plain)}
    chosen = items("a.- a.- b.- b.w b.- c.v c.v d.o d.-", kinds)

    begins = put_last(cast("list[Any]", chosen))

    assert [one.nodeid for one in chosen] == [
        "a.-",
        "a.-",
        "b.-",
        "b.-",
        "d.o",
        "d.-",
        "b.w",
        "c.v",
        "c.v",
    ]
    assert {item.nodeid: list(some) for item, some in begins.items()} == {"b.-": [first, second]}
