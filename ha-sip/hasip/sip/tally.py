"""Tells of messages that we keep from pjsip, but not each time: whoever sends one sends many."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hasip.sip.packet import Packet

_log = logging.getLogger(__name__)

_WORDS_AFTER = 1000


class Tally:
    """Counts messages that we do the same to, by the reason."""

    def __init__(self, done: str) -> None:
        """`done` begins the line in the log: what we did to the message, such as "Dropped"."""
        self._done = done
        self._counts = Counter[str]()

    def tell(self, packet: Packet, why: str) -> None:
        """Count one, and log the first of each thousand; of reasons there must be few."""
        before = self._counts[why]
        if before % _WORDS_AFTER == 0:
            _log.warning(
                "%s %s from %s: %s (%d such messages before)",
                self._done,
                packet.kind,
                packet.source,
                why,
                before,
            )
        self._counts[why] += 1
