"""The commands: one class a verb, read and checked in one place.

`parse_command` is the only way in, for stdin, MQTT and menu actions alike.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from hasip.commands.fields import (
    CallNumber,
    Digits,
    Seconds,
    SipErrorCode,
    Text,
    WavPath,
    WebhookMap,
)
from hasip.commands.findings import FindingsError
from hasip.commands.marks import ByWord, Characters, WrittenAs
from hasip.commands.menu_spec import MenuSpec
from hasip.commands.reading import Written, name_later, read_as, word_for
from hasip.dataclass import dataclass
from hasip.errors import CommandError

DEFAULT_RING_TIMEOUT_S = 300.0
# Home Assistant's own, of domains and actions.
Name = Annotated[str, Characters(pattern="[a-z0-9_]+")]


class Afterwards(StrEnum):
    """What a command does when what it started is over: its prompt, or its digits."""

    NOOP = "noop"
    HANGUP = "hangup"


class DtmfMethod(StrEnum):
    """How digits are sent."""

    IN_BAND = "in_band"  # tone pairs in the audio (ITU-T Q.23)
    RFC2833 = "rfc2833"  # telephone-events (RFC 4733, which took its place)
    SIP_INFO = "sip_info"  # application/dtmf-relay in INFO (RFC 6086)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandModel(Written):
    """What all commands have in common."""

    request_id: Text | None = None
    """Repeated by every event that answers this command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallService(CommandModel):
    """Run an action of Home Assistant; on the wire it is still called a service."""

    command: Literal["call_service"] = "call_service"
    domain: Name
    """The domain of the action, such as lock."""
    service: Name
    """The action itself, such as unlock."""
    entity_id: str | list[str] | None = None
    """The entity, or several, that it is about."""
    service_data: dict[str, Any] | None = None
    """What else the action is given."""

    def body(self) -> dict[str, Any]:
        """Return the flat REST body: the keys of `service_data`, and `entity_id`."""
        entity = {} if self.entity_id is None else {"entity_id": self.entity_id}
        return {**entity, **(self.service_data or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(CommandModel):
    """Place a call."""

    command: Literal["dial"]
    number: CallNumber
    """The SIP URI or phone number to call."""
    menu: MenuSpec | None = None
    """What the called one hears and can type."""
    ring_timeout_s: Annotated[Seconds, WrittenAs("ring_timeout")] = DEFAULT_RING_TIMEOUT_S
    """Seconds of ringing after which the call is given up."""
    sip_account: int | None = None  # None: the first enabled one
    """The number of the account to call with; without it the first one."""
    webhook_to_call: WebhookMap = field(default_factory=dict)
    """Event name and webhook ID: sent there beside the global webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(CommandModel):
    """End a call, or refuse one that is not answered yet."""

    command: Literal["hangup"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    sip_code: SipErrorCode | None = None
    """How a call that is not answered yet is refused; 603 without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(CommandModel):
    """Answer an incoming call; on a call that is up, enter the menu."""

    command: Literal["answer"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    menu: MenuSpec | None = None
    """What the caller hears and can type, in place of the menu there is."""
    webhook_to_call: WebhookMap = field(default_factory=dict)
    """Event name and webhook ID, in place of those there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Play(CommandModel):
    """What the play commands share."""

    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    cache_audio: bool = False
    """Whether the converted audio is kept in the cache folder."""
    wait_for_audio_to_finish: bool = False
    """Whether digits are dropped while it plays; else they interrupt it."""
    post_action: Afterwards = Afterwards.NOOP
    """What happens after it: noop, or hangup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayMessage(_Play):
    """Speak a message to a call."""

    command: Literal["play_message"]
    message: Annotated[Text, Characters(fewest=1)]
    """What is spoken."""
    tts_language: str | None = None
    """The language of the message; without it that of the settings."""
    handle_as_template: bool = False
    """Whether Home Assistant renders the message as a template first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayAudioFile(_Play):
    """Play an audio file to a call."""

    command: Literal["play_audio_file"]
    audio_file: Annotated[str, Characters(fewest=1)]
    """The path of the file, in any format that ffmpeg reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf(CommandModel):
    """Send digits to a call."""

    command: Literal["send_dtmf"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    digits: Digits
    """The digits: 0-9 * # A-D."""
    method: DtmfMethod = DtmfMethod.IN_BAND
    """As tones, as telephone-events, or in SIP INFO messages."""
    post_action: Afterwards = Afterwards.NOOP
    """What happens after the last digit: noop, or hangup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(CommandModel):
    """Have the other side of a call talk to somebody else (blind transfer, RFC 5589 §6)."""

    command: Literal["transfer"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    transfer_to: CallNumber
    """The SIP URI or phone number that the other side is to call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeAudio(CommandModel):
    """Let the other sides of two calls hear each other."""

    command: Literal["bridge_audio"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    bridge_to: CallNumber
    """The other call; self in a menu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording(CommandModel):
    """Record both sides of a call."""

    command: Literal["start_recording"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""
    recording_file: WavPath
    """An absolute path that ends in .wav; its folder must exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording(CommandModel):
    """End the recording of a call."""

    command: Literal["stop_recording"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlayback(CommandModel):
    """Stop what a call is hearing."""

    command: Literal["stop_playback"]
    number: CallNumber
    """Which call: its internal_id, a SIP URI, a phone number or a SIP Call-ID; self in a menu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State(CommandModel):
    """Log the active calls."""

    command: Literal["state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit(CommandModel):
    """End the program in order."""

    command: Literal["quit"]


# What only a call that is up can do, beside its menus.
CallCommand = SendDtmf | Transfer | BridgeAudio | StartRecording | StopRecording

Command = (
    CallService
    | Dial
    | Hangup
    | Answer
    | PlayMessage
    | PlayAudioFile
    | StopPlayback
    | CallCommand
    | State
    | Quit
)

VERBS: tuple[str, ...] = tuple(word_for(kind, "command") for kind in get_args(Command))

AnyCommand = Annotated[Command, ByWord("command", default="call_service")]

name_later(AnyCommand=AnyCommand)


class InvalidCommandError(CommandError):
    """A command that cannot be read; carries what could be read of it, for `command_failed`."""

    def __init__(self, text: str, raw: object) -> None:
        super().__init__(text)
        fields = raw if isinstance(raw, dict) else {}
        self.command = _as_text(fields.get("command", "call_service" if fields else None))
        self.number = _as_text(fields.get("number"))
        self.request_id = _as_text(fields.get("request_id"))


class UnknownCommandError(InvalidCommandError):
    """A verb nobody knows."""

    def __init__(self, verb: object, raw: object) -> None:
        super().__init__(f"Unknown command: {verb}", raw)


def parse_command(raw: object) -> Command:
    """Read a command from decoded JSON or YAML; raises `InvalidCommandError`."""
    if not isinstance(raw, dict):
        msg = f"A command is a JSON object; got {type(raw).__name__}"
        raise InvalidCommandError(msg, raw)
    verb = raw.get("command")
    if verb is not None and verb not in VERBS:
        raise UnknownCommandError(verb, raw)
    try:
        command: Command = read_as(AnyCommand, raw)
    except FindingsError as error:
        raise InvalidCommandError(str(error), raw) from error
    return command


def _as_text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
