"""Delivers events to webhooks, in their order, on a thread of its own.

There is one queue since there is one destination. It is bounded in number and age; while Home
Assistant is away the first event is tried again until it arrives or grows too old. An event that
may have arrived is not sent again: a door bell must not ring twice.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError
from hasip.homeassistant.client import RefusedError, UnreachableError
from hasip.homeassistant.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasip.homeassistant.client import HomeAssistantClient

_log = logging.getLogger(__name__)

MOST_WAITING = 1_000
OLDEST_S = 600.0
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    webhook_id: str
    body: Mapping[str, object]
    since: float


class WebhookQueue(Outbox):
    """Posts events one after the other; no method waits."""

    def __init__(self, client: HomeAssistantClient, webhook_id: str | None) -> None:
        super().__init__("webhooks")
        self._client = client
        self._webhook_id = webhook_id
        self._waiting: deque[_Delivery] = deque()
        self._dropped = 0
        self.start()

    def enqueue(self, extra_webhook_id: str | None, body: Mapping[str, object]) -> None:
        """Deliver to the extra webhook first, then to the global one, as far as there are any."""
        now = time.monotonic()
        with self.changed:
            for webhook_id in dict.fromkeys((extra_webhook_id, self._webhook_id)):
                if not webhook_id:
                    continue
                if len(self._waiting) >= MOST_WAITING:
                    self._drop("the queue is full")
                self._waiting.append(_Delivery(webhook_id, body, now))
            self.changed.notify()

    def run(self) -> None:
        """Deliver, until it is over."""
        failures = 0
        while (delivery := self._next()) is not None:
            if self._deliver(delivery):
                failures = 0
                self._take_off(delivery)
                continue
            failures += 1
            if time.monotonic() - delivery.since > OLDEST_S:
                with self.changed:
                    if self._waiting and self._waiting[0] is delivery:
                        self._drop("it waited too long")
                continue
            self.pause(failures, FIRST_RETRY_S, LONGEST_RETRY_S)
        if self._waiting:
            _log.warning("%d webhooks were not delivered before the end", len(self._waiting))

    def _next(self) -> _Delivery | None:
        """Return the oldest delivery, once there is one; None when it is time to end."""
        with self.changed:
            while True:
                if self.is_over(is_empty=not self._waiting):
                    return None
                if self._waiting:
                    return self._waiting[0]
                self.changed.wait()

    def _take_off(self, delivery: _Delivery) -> None:
        with self.changed:
            # A full queue may have dropped it while it was on its way.
            if self._waiting and self._waiting[0] is delivery:
                self._waiting.popleft()
            if self._dropped and not self._waiting:
                _log.warning(
                    "%d webhooks were dropped while Home Assistant was away", self._dropped
                )
                self._dropped = 0

    def _deliver(self, delivery: _Delivery) -> bool:
        """Try once; tell whether it is settled, one way or the other."""
        try:
            self._client.send_webhook(delivery.webhook_id, delivery.body)
        except UnreachableError as error:
            return self._not_settled(error)
        except RefusedError as error:
            if error.is_away:
                return self._not_settled(error)
            _log.warning("Webhook not delivered: %s", error)
        except HomeAssistantError as error:
            _log.warning("Webhook may not have arrived, not sent again: %s", error)
        except Exception:
            _log.exception("A webhook could not be sent")
        return True

    def _not_settled(self, error: HomeAssistantError) -> bool:
        _log.warning("Webhook not delivered, %d waiting: %s", len(self._waiting), error)
        return False

    def _drop(self, why: str) -> None:
        """Give up the oldest; the first is said at once, the number later."""
        self._waiting.popleft()
        self._dropped += 1
        if self._dropped == 1:
            _log.warning("A webhook was dropped: %s", why)
