"""How figures grow: with calls at once, accounts, the size of a menu, and the calls so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.growth.accounts import accounts
from bench.growth.calls import calls
from bench.growth.choices import choices
from bench.growth.history import history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.curve import Curve
    from bench.figure import Figure
    from bench.workshop import Workshop

ALL: Sequence[Callable[[Workshop], Iterator[Figure | Curve]]] = (calls, accounts, choices, history)
