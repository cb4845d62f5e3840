"""What an account's entities show: events in, messages for the broker out.

Nothing here knows the broker. States are kept there, and what happens in a moment is not: a bell
must not ring again when Home Assistant starts.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.events.model import (
    CallDisconnected,
    CallEstablished,
    CallEvent,
    Direction,
    DtmfDigit,
    IncomingCall,
    OutgoingCallInitiated,
    RegistrationChanged,
    RegistrationState,
)
from hasip.events.wire import call_fields, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from hasip.events.model import CallInfo, Event

ON, OFF = "ON", "OFF"
RING = "ring"
# In place of the digits of a code: Home Assistant writes what happens into its history.
MASKED_DIGIT = "masked"
# Home Assistant takes no longer state.
LONGEST_STATE = 255


class CallState(StrEnum):
    """Where an account's newest call is."""

    IDLE = "idle"
    RINGING = "ringing"  # here
    DIALING = "dialing"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class State:
    """What an entity shows from now on."""

    key: str
    value: str
    attributes: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What an event entity tells once."""

    key: str
    event_type: str
    attributes: Mapping[str, object]


@dataclass(slots=True)
class _Call:
    info: CallInfo
    state: CallState


@dataclass(slots=True)
class _Today:
    """The calls of a day."""

    day: date
    counts: dict[Direction, int] = field(default_factory=lambda: dict.fromkeys(Direction, 0))


class AccountBoard:
    """Follows one account; loop thread only."""

    def __init__(
        self, account: int, *, is_door: bool, has_registrar: bool, today: Callable[[], date]
    ) -> None:
        self.account = account
        self._has_registrar = has_registrar
        self._is_door = is_door
        self._now = today
        self._calls: dict[str, _Call] = {}
        self._today = _Today(today())
        self.is_quiet = False  # do not disturb: nobody rings

    def initial(self) -> Iterator[State]:
        """Yield what is shown at the start; the rest stays as the broker has it."""
        if self._has_registrar:
            yield State("registration", OFF)
            yield State("registration_reason", "registering")
        yield self._call_state()
        yield self._calls_today()

    def take(self, event: Event) -> Iterator[State | Moment]:
        """Yield what an event changes."""
        match event:
            case RegistrationChanged(sip_account=self.account):
                yield from self._registration(event)
            case CallEvent(call=call) if call.sip_account == self.account:
                yield from self._call_event(event)
            case _:
                pass

    def roll(self) -> Iterator[State]:
        """Yield what a new day changes."""
        if self._today.day != self._now():
            self._today = _Today(self._now())
            yield self._calls_today()

    @property
    def ringing(self) -> CallInfo | None:
        """Return the call that rings here, the one that came last."""
        calls = [one.info for one in self._calls.values() if one.state is CallState.RINGING]
        return calls[-1] if calls else None

    @property
    def calls(self) -> list[CallInfo]:
        """Return the calls there are, the newest last."""
        return [one.info for one in self._calls.values()]

    def counted(self) -> dict[str, object]:
        """Return the count of the day, for `count_on`."""
        counts = {direction.value: count for direction, count in self._today.counts.items()}
        return {"day": self._today.day.isoformat(), **counts}

    def count_on(self, counted: object) -> None:
        """Go on with a count that was kept, if it is one of today."""
        if isinstance(counted, dict) and counted.get("day") == self._today.day.isoformat():
            for direction in Direction:
                before = counted.get(direction.value)
                self._today.counts[direction] += before if isinstance(before, int) else 0

    def _registration(self, event: RegistrationChanged) -> Iterator[State]:
        is_on = event.state is RegistrationState.REGISTERED
        yield State("registration", ON if is_on else OFF)
        said = f"{event.sip_code} {event.sip_reason}" if event.sip_code else event.sip_reason
        yield State("registration_reason", said[:LONGEST_STATE], {"state": event.state.value})

    def _call_event(self, event: CallEvent) -> Iterator[State | Moment]:
        call, fields = event.call, to_json(event)
        del fields["event"]
        match event.what:
            case DtmfDigit(digit=digit, is_secret=is_secret, is_masked=is_masked):
                shown = MASKED_DIGIT if is_secret or is_masked else digit
                yield Moment("digit", shown, call_fields(call))
                return
            case IncomingCall():
                yield from self._begun(call, CallState.RINGING)
                caller = (call.parsed_remote_uri or call.remote_uri)[:LONGEST_STATE]
                yield State("last_caller", caller, call_fields(call))
                if self._is_door and not self.is_quiet:
                    yield Moment("doorbell", RING, call_fields(call))
            case OutgoingCallInitiated():
                yield from self._begun(call, CallState.DIALING)
            case CallEstablished():
                if call.internal_id in self._calls:
                    self._calls[call.internal_id] = _Call(call, CallState.CONNECTED)
                yield self._call_state()
            case CallDisconnected() as ended:
                self._calls.pop(call.internal_id, None)
                yield self._call_state()
                yield State("last_call_direction", call.direction.value)
                yield State("last_call_outcome", ended.outcome.value, fields)
                yield State("last_call_duration", f"{ended.duration_s:.0f}")
            case _:
                pass
        yield Moment("call", event.what.name, fields)

    def _begun(self, call: CallInfo, state: CallState) -> Iterator[State]:
        yield from self.roll()
        self._calls[call.internal_id] = _Call(call, state)
        self._today.counts[call.direction] += 1
        yield self._call_state()
        yield self._calls_today()

    def _call_state(self) -> State:
        """Show the newest call."""
        count = {"calls": len(self._calls)}
        if not self._calls:
            return State("call_state", CallState.IDLE, count)
        newest = list(self._calls.values())[-1]
        return State("call_state", newest.state, {**count, **call_fields(newest.info)})

    def _calls_today(self) -> State:
        counts = {direction.value: count for direction, count in self._today.counts.items()}
        return State("calls_today", str(sum(self._today.counts.values())), counts)
