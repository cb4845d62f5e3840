"""Delivers events to webhooks, in their order, on a thread of its own.

There is one queue since there is one destination. It is bounded in number and age, and an event
that may have arrived is not sent again: a door bell must not ring twice.

So that as few as possible get lost in that way, an event is only sent to a Home Assistant that has
answered since it last failed, and lately. One that hangs costs the one event that was on its way at
most; the others wait until a harmless question is answered. One that starts up is given the time
to: it takes webhooks early, says yes, and throws them away as long as its automations are not
there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from hasip.backoff import Backoff
from hasip.dataclass import dataclass
from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import TimedOutError, UnauthorizedError, is_away
from hasip.homeassistant.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.homeassistant.client import HomeAssistantClient

_log = logging.getLogger(__name__)

MOST_WAITING = 1_000
OLDEST_S = 600.0
AWAY = Backoff(0.5, 15.0)
# Only Home Assistant's Supervisor wants a token for a webhook, and that is not ours to mend.
REFUSED = Backoff(30.0, 300.0)
# It may have restarted since the last event; that takes longer than this.
SURE_FOR_S = 3.0
# For the action that the same digit runs, which takes 3 ms, on a slow machine 6: sent meanwhile,
# the word of it would slow it down.
HEAD_START_S = 0.01
# Home Assistant says that it runs, and then starts its automations.
AUTOMATIONS_START_S = 1.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    webhook_id: str
    body: Mapping[str, object]
    since: float


class _StartingError(HomeAssistantError):
    """Home Assistant is there, but not yet ready."""


class WebhookQueue(Outbox):
    """Posts events one after the other, once it is started; no method waits."""

    def __init__(
        self,
        client: HomeAssistantClient,
        webhook_id: str | None,
        on_there: Callable[[bool], None] = lambda was_away: None,  # noqa: ARG005
    ) -> None:
        """Take whom to tell, on this queue's thread, that Home Assistant is there, or back."""
        super().__init__("webhooks")
        self._client = client
        self._webhook_id = webhook_id
        self._on_there = on_there
        self._waiting: deque[_Delivery] = deque()
        self._dropped = 0
        self._is_there = False  # it has answered since it last failed
        self._answered_at = float("-inf")
        self._away_since: float | None = None
        self._last_problem: type[HomeAssistantError] | None = None

    def enqueue(self, extra_webhook_id: str | None, body: Mapping[str, object]) -> None:
        """Deliver to the extra webhook first, then to the global one, as far as there are any."""
        now = time.monotonic()
        with self.changed:
            for webhook_id in dict.fromkeys((extra_webhook_id, self._webhook_id)):
                if not webhook_id:
                    continue
                if len(self._waiting) >= MOST_WAITING:
                    self._drop(f"{MOST_WAITING} are waiting already")
                self._waiting.append(_Delivery(webhook_id, body, now))
            self.changed.notify()

    def run(self) -> None:
        """Deliver, until it is over."""
        failures = 0
        while True:
            try:
                if not self._is_there and not self._has_ended():
                    self._find_out()
                delivery = self._next()
                if delivery is None:
                    break
                if time.monotonic() - self._answered_at > SURE_FOR_S:
                    self._find_out()
                self._deliver(delivery)
                self._take_off(delivery)
                failures = 0
            except HomeAssistantError as error:
                failures += 1
                self._say_away(error)
                self._drop_what_is_too_old()
                backoff = REFUSED if isinstance(error, UnauthorizedError) else AWAY
                self.pause(backoff.wait_s(failures))
        self._say_end()

    # --- one delivery ------------------------------------------------------------------------

    def _next(self) -> _Delivery | None:
        """Return the oldest delivery, once it is to be sent; None when it is time to end."""
        with self.changed:
            while True:
                if self.is_over(is_empty=not self._waiting):
                    return None
                if not self._waiting:
                    self.changed.wait()
                    continue
                wait_s = self._waiting[0].since + HEAD_START_S - time.monotonic()
                if wait_s <= 0:
                    return self._waiting[0]
                self.changed.wait(wait_s)

    def _deliver(self, delivery: _Delivery) -> None:
        """Send it; raises where it is worth to be sent again, later."""
        try:
            self._client.send_webhook(delivery.webhook_id, delivery.body)
        except UnauthorizedError:
            raise
        except HomeAssistantError as error:
            if is_away(error):
                self._is_there = False
                raise
            if isinstance(error, TimedOutError):
                self._is_there = False
                _log.warning("An event may not have arrived, it is not sent again: %s", error)
            else:
                _log.warning("An event was not taken, it is not sent again: %s", error)
        except Exception:
            _log.exception("An event could not be sent")

    def _has_ended(self) -> bool:
        with self.changed:
            return self.is_over(is_empty=not self._waiting)

    def _take_off(self, delivery: _Delivery) -> None:
        self._answered_at = time.monotonic()
        self._say_back()
        with self.changed:
            # A full queue may have dropped it while it was on its way.
            if self._waiting and self._waiting[0] is delivery:
                self._waiting.popleft()
            if not self._waiting:
                self._say_dropped()

    # --- away and back -----------------------------------------------------------------------

    def _find_out(self) -> None:
        """Ask whether Home Assistant is there and ready; raises where it is not."""
        self._is_there = False
        if not self._client.is_running():
            msg = "Home Assistant is starting up or shutting down"
            raise _StartingError(msg)
        was_away = self._away_since is not None
        if was_away:
            self.pause(AUTOMATIONS_START_S)
        self._say_back()
        self._is_there = True
        self._answered_at = time.monotonic()
        self._on_there(was_away)

    def _say_back(self) -> None:
        if self._away_since is not None:
            away_s = time.monotonic() - self._away_since
            self._away_since = self._last_problem = None
            _log.warning(
                "Home Assistant is there again after %.0f s, %d events go to it now",
                away_s,
                len(self._waiting),
            )

    def _say_away(self, error: HomeAssistantError) -> None:
        """Say it once, and again only if it is another problem."""
        if self._away_since is None:
            self._away_since = time.monotonic()
        if self._last_problem is not type(error):
            self._last_problem = type(error)
            _log.warning("Home Assistant is away, events wait for it: %s", error)

    def _drop_what_is_too_old(self) -> None:
        with self.changed:
            too_old = time.monotonic() - OLDEST_S
            while self._waiting and self._waiting[0].since < too_old:
                self._drop(f"it waited for more than {OLDEST_S:.0f} s")

    def _drop(self, why: str) -> None:
        """Give up the oldest; the first is said at once, the number later."""
        self._waiting.popleft()
        self._dropped += 1
        if self._dropped == 1:
            _log.warning("An event was dropped: %s; the number of them follows", why)

    def _say_dropped(self) -> None:
        if self._dropped:
            _log.warning("%d events were dropped while Home Assistant was away", self._dropped)
            self._dropped = 0

    def _say_end(self) -> None:
        with self.changed:
            self._say_dropped()
            if self._waiting:
                _log.warning("%d events were not delivered before the end", len(self._waiting))
