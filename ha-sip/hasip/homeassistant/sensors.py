"""Shows accounts, registrations and calls as sensors in Home Assistant.

Home Assistant forgets such sensors when it restarts, so all are sent again from time to time. Only
the newest state of a sensor is worth sending: what it was while Home Assistant was away is not.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from hasip.backoff import Backoff
from hasip.errors import HomeAssistantError
from hasip.events.model import (
    CallDisconnected,
    CallEvent,
    CallTransferred,
    CommandFailed,
    IncomingCall,
    OutgoingCallInitiated,
    RegistrationChanged,
    RegistrationState,
)
from hasip.events.wire import call_fields
from hasip.homeassistant.errors import RefusedError, is_away
from hasip.homeassistant.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hasip.events.model import CallInfo, Event
    from hasip.homeassistant.client import HomeAssistantClient

_log = logging.getLogger(__name__)

SEND_AGAIN_AFTER_S = 60.0
AWAY = Backoff(1.0, 30.0)


class SensorState(NamedTuple):
    """What a sensor shows."""

    state: str
    attributes: Mapping[str, object]


class Sensors:
    """Follows the events; loop thread only."""

    def __init__(self, prefix: str, accounts: Sequence[int], board: SensorBoard) -> None:
        self._prefix = prefix
        self._board = board
        self._active: dict[int, list[CallInfo]] = {account: [] for account in accounts}
        for account in accounts:
            self._show(f"account_{account}", "false")
            self._show(f"registration_{account}", RegistrationState.UNKNOWN)
            self._show(f"last_call_{account}", "none")

    def take(self, event: Event) -> None:
        """Show what an event changes."""
        match event:
            case CallEvent(call=call, what=IncomingCall() | OutgoingCallInitiated()):
                self._active.setdefault(call.sip_account, []).append(call)
                self._show_account(call.sip_account)
                fields = {**call_fields(call), "timestamp": _now()}
                self._show(f"last_call_{call.sip_account}", call.direction, fields)
            case CallEvent(call=call, what=CallTransferred()):
                calls = self._active.get(call.sip_account, [])
                calls[:] = [call if c.internal_id == call.internal_id else c for c in calls]
                self._show_account(call.sip_account)
            case CallEvent(call=call, what=CallDisconnected()):
                calls = self._active.get(call.sip_account, [])
                calls[:] = [other for other in calls if other.internal_id != call.internal_id]
                self._show_account(call.sip_account)
            case RegistrationChanged():
                self._show(
                    f"registration_{event.sip_account}",
                    event.state,
                    {
                        "status_code": event.sip_code,
                        "reason": event.sip_reason,
                        "last_change": _now(),
                    },
                )
            case CallEvent() | CommandFailed():
                pass

    def _show_account(self, account: int) -> None:
        calls = self._active[account]
        if calls:
            self._show(f"account_{account}", "true", call_fields(calls[-1]))
        else:
            self._show(f"account_{account}", "false")

    def _show(self, name: str, state: str, attributes: Mapping[str, object] | None = None) -> None:
        self._board.show(f"sensor.{self._prefix}_{name}", SensorState(str(state), attributes or {}))


class SensorBoard(Outbox):
    """Sends states, once it is started; no method waits."""

    def __init__(self, client: HomeAssistantClient) -> None:
        super().__init__("sensors")
        self._client = client
        self._shown: dict[str, SensorState] = {}
        self._to_send: dict[str, SensorState] = {}
        self._last_problem: type[HomeAssistantError] | None = None

    def show(self, entity_id: str, state: SensorState) -> None:
        """Show a state soon, unless a newer one comes first."""
        with self.changed:
            self._shown[entity_id] = self._to_send[entity_id] = state
            self.changed.notify()

    def show_all(self) -> None:
        """Show everything again, to a Home Assistant that has forgotten it."""
        with self.changed:
            self._to_send.update(self._shown)
            self.changed.notify()

    def run(self) -> None:
        """Send, until it is over."""
        failures = 0
        while (due := self._next()) is not None:
            try:
                self._client.set_state(due[0], *due[1])
            except HomeAssistantError as error:
                self._say(due[0], error)
                if isinstance(error, RefusedError) and not is_away(error):
                    continue  # it is shown again with all the others, not sooner
                failures += 1
                with self.changed:
                    self._to_send.setdefault(*due)
                self.pause(AWAY.wait_s(failures))
                continue
            if failures:
                failures, self._last_problem = 0, None
                self.show_all()

    def _next(self) -> tuple[str, SensorState] | None:
        """Return a state that is to be sent, once there is one; None when it is time to end."""
        with self.changed:
            while True:
                if self.is_over(is_empty=not self._to_send):
                    return None
                if self._to_send:
                    entity_id = next(iter(self._to_send))
                    return entity_id, self._to_send.pop(entity_id)
                if not self.changed.wait(SEND_AGAIN_AFTER_S):
                    self._to_send.update(self._shown)

    def _say(self, entity_id: str, error: HomeAssistantError) -> None:
        """Say it once, and again only if it is another problem."""
        if self._last_problem is not type(error):
            self._last_problem = type(error)
            _log.warning("Sensor %s not updated: %s", entity_id, error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
