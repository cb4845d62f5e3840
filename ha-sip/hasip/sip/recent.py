"""The last so many things, to be asked whether something is one of them; on pjsip's one thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

# Of calls: those of the last minute and more, at the rate that they are taken.
MOST_REMEMBERED = 4_096


class Recent:
    """Remembers hashes: what strangers write may be as long as a packet."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[int, None] = OrderedDict()

    def add(self, thing: Hashable) -> None:
        """Remember one; the oldest is forgotten for it."""
        self._hashes[hash(thing)] = None
        while len(self._hashes) > MOST_REMEMBERED:
            self._hashes.popitem(last=False)

    def __contains__(self, thing: Hashable) -> bool:
        """Tell whether it is one of them."""
        return hash(thing) in self._hashes
