"""What becomes of commands: an answer to each that carries a `request_id`.

A command that takes its time is `accepted` first. `done` or `failed` is the last word, and there is
one for every command, at the latest when its call ends. What each means for which command stands
in docs/mqtt.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.calls.outcome import describe
from hasip.events.model import (
    AudioFilePlayed,
    CallDisconnected,
    CallEstablished,
    CallEvent,
    CommandFailed,
    MessagePlayed,
    OutgoingCallInitiated,
    RecordingStarted,
    RecordingStopped,
    ServiceFailed,
    TransferResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.calls.session import CallSession
    from hasip.commands.model import Command
    from hasip.events.model import CallInfo, Event

# Those whose last word comes later; all others are done when they were taken.
LASTING = frozenset(
    (
        *("call_service", "dial", "answer", "hangup", "transfer", "send_dtmf"),
        *("play_message", "play_audio_file", "start_recording", "stop_recording"),
    )
)
# Those that want a call to be up.
CONNECTING = frozenset(("dial", "answer"))


class Status(StrEnum):
    """How far a command has come."""

    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is told of a command."""

    request_id: str | None
    command: str | None
    number: str | None
    status: Status
    call: CallInfo | None = None
    error: str | None = None  # of one that failed
    ended: CallDisconnected | None = None  # the end of the call, where that is why it failed

    def to_json(self) -> dict[str, object]:
        """Return the object that is published."""
        call, ended = self.call, self.ended
        return {
            "request_id": self.request_id,
            "command": self.command,
            "number": self.number,
            "status": self.status.value,
            **({} if self.error is None else {"error": self.error}),
            **({} if call is None else {"internal_id": call.internal_id, "call_id": call.call_id}),
            **({} if call is None else {"sip_account": call.sip_account}),
            **(
                {}
                if ended is None
                else {
                    "sip_code": ended.sip_code,
                    "sip_reason": ended.sip_reason,
                    "outcome": ended.outcome.value,
                }
            ),
        }


@dataclass(slots=True)
class _Open:
    """A command without a last word."""

    command: str
    number: str | None
    call: CallInfo | None = None


class ResultBook:
    """Knows the commands that are under way; loop thread only."""

    def __init__(self, tell: Callable[[Answer], None]) -> None:
        self._tell = tell
        self._open: dict[str, _Open] = {}

    def __len__(self) -> int:
        """Count the commands under way."""
        return len(self._open)

    def begin(self, command: Command) -> None:
        """Take note that a command is about to be carried out."""
        if command.request_id is not None:
            number = getattr(command, "number", None)
            self._open[command.request_id] = _Open(command.command, number)

    def taken(self, command: Command, session: CallSession | None) -> None:
        """Take note that a command was not refused; `session` is the call that it is about."""
        request_id = command.request_id
        opened = None if request_id is None else self._open.get(request_id)
        if request_id is None or opened is None:
            return
        if session is not None:
            opened.call = session.info
        is_up_already = command.command == "answer" and session is not None and session.is_up
        if command.command not in LASTING or is_up_already:
            self._close(request_id, Status.DONE)
        else:
            self._answer(request_id, opened, Status.ACCEPTED)

    def finish(self, request_id: str | None) -> None:
        """Take note that a command did what it was to do."""
        if request_id is not None:
            self._close(request_id, Status.DONE)

    def take(self, event: Event) -> None:
        """Take from an event what it says about commands."""
        match event:
            case CommandFailed(request_id=str(request_id)):
                opened = self._open.setdefault(request_id, _Open(event.command or "", event.number))
                opened.number = opened.number or event.number
                self._close(request_id, Status.FAILED, event.error)
            case CallEvent():
                self._take_call_event(event)
            case _:
                pass

    def _take_call_event(self, event: CallEvent) -> None:
        request_id = event.request_id
        match event.what:
            case OutgoingCallInitiated() if request_id in self._open:
                self._open[request_id].call = event.call
            case MessagePlayed() | AudioFilePlayed() | RecordingStarted() | RecordingStopped():
                self.finish(request_id)
            case TransferResult(success=True):
                self.finish(request_id)
            case TransferResult() as what if request_id is not None:
                said = f"{what.sip_code} {what.sip_reason}"
                self._close(request_id, Status.FAILED, f"the transfer failed: {said}")
            case ServiceFailed(error=error) if request_id is not None:
                self._close(request_id, Status.FAILED, error)
            case CallEstablished():
                for one, opened in self._of(event.call):
                    if opened.command in CONNECTING:
                        self._close(one, Status.DONE)
            case CallDisconnected() as ended:
                for one, opened in self._of(event.call):
                    if opened.command == "hangup":
                        self._close(one, Status.DONE)
                    else:
                        self._close(one, Status.FAILED, describe(ended), ended)
            case _:
                pass

    def _of(self, call: CallInfo) -> list[tuple[str, _Open]]:
        return [
            (request_id, opened)
            for request_id, opened in self._open.items()
            if opened.call is not None and opened.call.internal_id == call.internal_id
        ]

    def _close(
        self,
        request_id: str,
        status: Status,
        error: str | None = None,
        ended: CallDisconnected | None = None,
    ) -> None:
        opened = self._open.pop(request_id, None)
        if opened is not None:
            self._answer(request_id, opened, status, error, ended)

    def _answer(
        self,
        request_id: str,
        opened: _Open,
        status: Status,
        error: str | None = None,
        ended: CallDisconnected | None = None,
    ) -> None:
        self._tell(
            Answer(
                request_id=request_id,
                command=opened.command or None,
                number=opened.number,
                status=status,
                call=opened.call,
                error=error,
                ended=ended,
            )
        )
