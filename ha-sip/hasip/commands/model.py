"""The commands: one class a verb, read and checked in one place.

`parse_command` is the only way in, for stdin, MQTT and menu actions alike.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from hasip.commands.fields import (
    CallNumber,
    Digits,
    Seconds,
    SipErrorCode,
    Text,
    WavPath,
    WebhookMap,
)
from hasip.commands.findings import findings_of
from hasip.commands.menu_spec import MenuSpec
from hasip.errors import CommandError

DEFAULT_RING_TIMEOUT_S = 300.0


class Afterwards(StrEnum):
    """What a command does when what it started is over: its prompt, or its digits."""

    NOOP = "noop"
    HANGUP = "hangup"


class DtmfMethod(StrEnum):
    """How digits are sent."""

    IN_BAND = "in_band"  # tone pairs in the audio (ITU-T Q.23)
    RFC2833 = "rfc2833"  # telephone-events (RFC 4733, which took its place)
    SIP_INFO = "sip_info"  # application/dtmf-relay in INFO (RFC 6086)


class CommandModel(BaseModel):
    """What all commands have in common."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    request_id: Text | None = None


class CallService(CommandModel):
    """Run an action of Home Assistant; on the wire it is still called a service."""

    command: Literal["call_service"] = "call_service"
    domain: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    service: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    entity_id: str | list[str] | None = None
    service_data: dict[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """Return the flat REST body: the keys of `service_data`, and `entity_id`."""
        entity = {} if self.entity_id is None else {"entity_id": self.entity_id}
        return {**entity, **(self.service_data or {})}


class Dial(CommandModel):
    """Place a call."""

    command: Literal["dial"]
    number: CallNumber
    menu: MenuSpec | None = None
    ring_timeout_s: Seconds = Field(DEFAULT_RING_TIMEOUT_S, alias="ring_timeout")
    sip_account: int | None = None  # None: the first enabled one
    webhook_to_call: WebhookMap = Field(default_factory=dict)


class Hangup(CommandModel):
    """End a call, or refuse one that is not answered yet."""

    command: Literal["hangup"]
    number: CallNumber
    sip_code: SipErrorCode | None = None


class Answer(CommandModel):
    """Answer an incoming call; on a call that is up, enter the menu."""

    command: Literal["answer"]
    number: CallNumber
    menu: MenuSpec | None = None
    webhook_to_call: WebhookMap = Field(default_factory=dict)


class _Play(CommandModel):
    """What the play commands share."""

    number: CallNumber
    cache_audio: bool = False
    wait_for_audio_to_finish: bool = False
    post_action: Afterwards = Afterwards.NOOP


class PlayMessage(_Play):
    """Speak a message to a call."""

    command: Literal["play_message"]
    message: Annotated[Text, Field(min_length=1)]
    tts_language: str | None = None
    handle_as_template: bool = False


class PlayAudioFile(_Play):
    """Play an audio file to a call."""

    command: Literal["play_audio_file"]
    audio_file: Annotated[str, Field(min_length=1)]


class SendDtmf(CommandModel):
    """Send digits to a call."""

    command: Literal["send_dtmf"]
    number: CallNumber
    digits: Digits
    method: DtmfMethod = DtmfMethod.IN_BAND
    post_action: Afterwards = Afterwards.NOOP


class Transfer(CommandModel):
    """Have the other side of a call talk to somebody else (blind transfer, RFC 5589 §6)."""

    command: Literal["transfer"]
    number: CallNumber
    transfer_to: CallNumber


class BridgeAudio(CommandModel):
    """Let the other sides of two calls hear each other."""

    command: Literal["bridge_audio"]
    number: CallNumber
    bridge_to: CallNumber


class StartRecording(CommandModel):
    """Record both sides of a call."""

    command: Literal["start_recording"]
    number: CallNumber
    recording_file: WavPath


class StopRecording(CommandModel):
    """End the recording of a call."""

    command: Literal["stop_recording"]
    number: CallNumber


class StopPlayback(CommandModel):
    """Stop what a call is hearing."""

    command: Literal["stop_playback"]
    number: CallNumber


class State(CommandModel):
    """Log the active calls."""

    command: Literal["state"]


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

VERBS: tuple[str, ...] = tuple(
    get_args(model.model_fields["command"].annotation)[0] for model in get_args(Command)
)


def _verb_written(raw: Any) -> Any:  # noqa: ANN401 - whatever JSON or YAML holds
    """Give a command without a verb its default one."""
    if isinstance(raw, dict) and raw.get("command") is None:
        return {**raw, "command": "call_service"}
    return raw


AnyCommand = Annotated[
    Annotated[Command, Field(discriminator="command")], BeforeValidator(_verb_written)
]

MenuSpec.model_rebuild(_types_namespace={"AnyCommand": AnyCommand, "MenuSpec": MenuSpec})
for _model in (Dial, Answer):
    _model.model_rebuild()

_adapter: TypeAdapter[Command] = TypeAdapter(AnyCommand)


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
        return _adapter.validate_python(raw)
    except ValidationError as error:
        raise InvalidCommandError(
            "; ".join(map(str, findings_of(error, raw, VERBS))), raw
        ) from error


def field_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Return a command's keys as they are written."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def unknown_keys(command: Command) -> tuple[str, ...]:
    """Return the keys that were written but mean nothing."""
    return tuple(command.model_extra or ())


def _as_text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
