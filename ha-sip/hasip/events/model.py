"""Everything the gateway tells the outside.

A call's event is a body (what happened) with the call's data around it. The call machine makes
bodies only; the session adds the call. An event carries all that a listener needs.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NewType, get_args

from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

InternalId = NewType("InternalId", str)
SipCallId = NewType("SipCallId", str)


class Direction(StrEnum):
    """Who placed the call, seen from the gateway."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Side(StrEnum):
    """Who ended the call, seen from the gateway."""

    LOCAL = "local"
    REMOTE = "remote"


class Outcome(StrEnum):
    """How a call ended; `calls/outcome.py` decides, README.md explains."""

    COMPLETED = "completed"
    TRANSFERRED = "transferred"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    NOT_ACCEPTABLE = "not_acceptable"
    REDIRECTED = "redirected"
    CANCELLED = "cancelled"
    MISSED = "missed"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    FILTERED = "filtered"
    REJECTED = "rejected"
    PIN_LOCKOUT = "pin_lockout"
    NO_AUDIO = "no_audio"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """What every event of a call says about it."""

    internal_id: InternalId
    call_id: SipCallId
    sip_account: int  # 1-based
    direction: Direction
    remote_uri: str  # incoming: the From value without tag; outgoing: the dialled string
    local_uri: str
    parsed_remote_uri: str
    parsed_local_uri: str
    headers: Mapping[str, str | None] = field(default_factory=dict)
    # Event name -> webhook ID that gets the event before the global one.
    webhooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE came in; sent for every call, answered or not."""

    name: ClassVar[str] = "incoming_call"


@dataclass(frozen=True, slots=True)
class OutgoingCallInitiated:
    """Our INVITE is on its way."""

    name: ClassVar[str] = "outgoing_call_initiated"


@dataclass(frozen=True, slots=True)
class CallEstablished:
    """The call is up and the settle time is over."""

    name: ClassVar[str] = "call_established"


@dataclass(frozen=True, slots=True)
class EnteredMenu:
    """A menu that has an id was entered."""

    name: ClassVar[str] = "entered_menu"
    menu_id: str


@dataclass(frozen=True, slots=True)
class DtmfDigit:
    """A digit counted."""

    name: ClassVar[str] = "dtmf_digit"
    digit: str
    is_secret: bool = False  # of a PIN: it stays out of the log
    is_masked: bool = False  # the menu wants it to stay out of events as well


@dataclass(frozen=True, slots=True)
class MenuTimeout:
    """Nobody typed for the menu's timeout."""

    name: ClassVar[str] = "timeout"
    menu_id: str | None


@dataclass(frozen=True, slots=True)
class RingTimeout:
    """The call rang too long without an answer."""

    name: ClassVar[str] = "ring_timeout"


@dataclass(frozen=True, slots=True)
class MessagePlayed:
    """A spoken message was heard to its end."""

    name: ClassVar[str] = "playback_done"
    message: str


@dataclass(frozen=True, slots=True)
class AudioFilePlayed:
    """An audio file was heard to its end."""

    name: ClassVar[str] = "playback_done"
    audio_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDisconnected:
    """The dialog ended, or the INVITE got a final response other than 2xx.

    `sip_code` is 200 after a normal BYE, 487 for a call we cancelled, else the final response.
    """

    name: ClassVar[str] = "call_disconnected"
    sip_code: int
    sip_reason: str
    duration_s: float  # 0.0 if never answered
    hangup_by: Side
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFailed:
    """A menu's service call did not succeed."""

    name: ClassVar[str] = "service_failed"
    domain: str
    service: str
    error: str


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """Both sides are being recorded."""

    name: ClassVar[str] = "recording_started"
    recording_file: str


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """The recording's file is complete."""

    name: ClassVar[str] = "recording_stopped"
    recording_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What became of a transfer; the call goes on where it did not succeed.

    `sip_code` is that of the final NOTIFY (RFC 3515 §2.4.5) or of the answer to REFER; where the
    call ended before, the last that was heard, 0 for none.
    """

    name: ClassVar[str] = "transfer_result"
    sip_code: int
    sip_reason: str
    success: bool


class Takeover(StrEnum):
    """How another call came to take the place of one."""

    REFER = "refer"  # the peer asked us to call somebody instead
    REPLACES = "replaces"  # somebody else's INVITE said that it replaces the call (RFC 3891)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred:
    """The call goes on with somebody else; the call's fields are the new one's from now on."""

    name: ClassVar[str] = "call_transferred"
    how: Takeover
    previous_remote_uri: str
    previous_call_id: SipCallId


@dataclass(frozen=True, slots=True, kw_only=True)
class PinFailed:
    """A wrong code was typed; which one is nobody's business."""

    name: ClassVar[str] = "pin_failed"
    attempts: int  # wrong codes of this caller so far
    max_attempts: int
    menu_id: str | None  # of the menu that asked for it


@dataclass(frozen=True, slots=True, kw_only=True)
class PinLockout:
    """Too many wrong codes: the call is ended, and the caller not answered for a while."""

    name: ClassVar[str] = "pin_lockout"
    lockout_s: float


CallEventBody = (
    IncomingCall
    | OutgoingCallInitiated
    | CallEstablished
    | EnteredMenu
    | DtmfDigit
    | MenuTimeout
    | RingTimeout
    | MessagePlayed
    | AudioFilePlayed
    | CallDisconnected
    | ServiceFailed
    | RecordingStarted
    | RecordingStopped
    | TransferResult
    | CallTransferred
    | PinFailed
    | PinLockout
)

# The names of all events of a call, as `webhook_to_call` may have them.
CALL_EVENTS = frozenset(body.name for body in get_args(CallEventBody))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something that happened in a call; those of one call are told in their order."""

    call: CallInfo
    what: CallEventBody
    request_id: str | None = None  # of the command that this answers


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFailed:
    """A command could not be carried out."""

    name: ClassVar[str] = "command_failed"
    command: str | None  # the verb, where one could be read
    number: str | None
    error: str
    request_id: str | None = None
    webhook: str | None = None  # that the command names for its failure, beside the global one


# The names of all events that a command's `webhook_to_call` may have.
COMMAND_EVENTS = CALL_EVENTS | {CommandFailed.name}


class RegistrationState(StrEnum):
    """Whether calls come in by an account."""

    UNKNOWN = "unknown"  # not asked for yet, or there is no registrar
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationChanged:
    """A registrar took an account, let it go, or refused it."""

    name: ClassVar[str] = "registration_state"
    sip_account: int
    state: RegistrationState
    sip_code: int  # 0: there was no answer
    sip_reason: str


Event = CallEvent | CommandFailed | RegistrationChanged
