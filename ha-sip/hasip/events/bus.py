"""Hands every event to every listener, in order, on the loop thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.events.model import Event

_log = logging.getLogger(__name__)


class EventBus:
    """Listeners get the event objects; a listener that fails does not keep others from hearing."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have `listener` called with every event; returns the way to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Event) -> None:
        """Tell all listeners, in the order in which they subscribed."""
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                _log.exception("A listener failed on %s", event)
