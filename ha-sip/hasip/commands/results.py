"""What becomes of commands: an answer to each that carries a `request_id`.

A command that takes its time is `accepted` first. `done` or `failed` is the last word, and there is
one for every command, at the latest when its call ends. What each means for which command stands
in docs/mqtt.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.calls.outcome import describe
from hasip.dataclass import dataclass
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


@dataclass(slots=True, eq=False)
class _Open:
    """A command without a last word."""

    request_id: str
    command: str
    number: str | None
    call: CallInfo | None = None
    is_taken: bool = False  # else it is being looked at now

    def is_about(self, call: CallInfo) -> bool:
        return self.call is not None and self.call.internal_id == call.internal_id


class ResultBook:
    """Knows the commands that are under way; loop thread only.

    Automations often use one `request_id` for all runs: several commands may have the same, and
    each gets its own last word.
    """

    def __init__(self, tell: Callable[[Answer], None]) -> None:
        self._tell = tell
        self._open: list[_Open] = []  # the oldest first

    def __len__(self) -> int:
        """Count the commands under way."""
        return len(self._open)

    def begin(self, command: Command) -> None:
        """Take note that a command is about to be carried out."""
        if command.request_id is not None:
            number = getattr(command, "number", None)
            self._open.append(_Open(command.request_id, command.command, number))

    def taken(self, command: Command, session: CallSession | None) -> None:
        """Take note that a command was not refused; `session` is the call that it is about."""
        opened = self._being_looked_at(command.request_id)
        if opened is None:
            return
        opened.is_taken = True
        if session is not None:
            opened.call = session.info
        is_up_already = command.command == "answer" and session is not None and session.is_up
        if command.command not in LASTING or is_up_already:
            self._close(opened, Status.DONE)
        else:
            self._answer(opened, Status.ACCEPTED)

    def finish(self, request_id: str | None) -> None:
        """Take note that a command did what it was to do."""
        self._close(self._with_id(request_id), Status.DONE)

    def take(self, event: Event) -> None:
        """Take from an event what it says about commands."""
        match event:
            case CommandFailed(request_id=str(request_id)):
                opened = self._being_looked_at(request_id) or self._with_id(
                    request_id, command=event.command
                )
                if opened is None:
                    opened = _Open(request_id, event.command or "", event.number)
                    self._open.append(opened)
                opened.number = opened.number or event.number
                self._close(opened, Status.FAILED, event.error)
            case CallEvent():
                self._take_call_event(event)
            case _:
                pass

    def _take_call_event(self, event: CallEvent) -> None:
        asked = self._with_id(event.request_id, call=event.call)
        match event.what:
            case OutgoingCallInitiated():
                dialled = self._being_looked_at(event.request_id)
                if dialled is not None:
                    dialled.call = event.call
            case MessagePlayed() | AudioFilePlayed() | RecordingStarted() | RecordingStopped():
                self._close(asked, Status.DONE)
            case TransferResult(success=True):
                self._close(asked, Status.DONE)
            case TransferResult() as what:
                said = f"{what.sip_code} {what.sip_reason}"
                self._close(asked, Status.FAILED, f"the transfer failed: {said}")
            case ServiceFailed(error=error):
                self._close(asked, Status.FAILED, error)
            case CallEstablished():
                for opened in self._of(event.call):
                    if opened.command in CONNECTING:
                        self._close(opened, Status.DONE)
            case CallDisconnected() as ended:
                for opened in self._of(event.call):
                    if opened.command == "hangup":
                        self._close(opened, Status.DONE)
                    else:
                        self._close(opened, Status.FAILED, describe(ended), ended)
            case _:
                pass

    def _of(self, call: CallInfo) -> list[_Open]:
        return [opened for opened in self._open if opened.is_about(call)]

    def _being_looked_at(self, request_id: str | None) -> _Open | None:
        """Return the command that is neither taken nor refused yet; there is one at most."""
        found = (one for one in reversed(self._open) if one.request_id == request_id)
        return next((one for one in found if not one.is_taken), None)

    def _with_id(
        self, request_id: str | None, *, call: CallInfo | None = None, command: str | None = None
    ) -> _Open | None:
        """Return the oldest with an id: one of that call or verb, if there is one."""
        found = [one for one in self._open if one.request_id == request_id]
        fitting = [
            one
            for one in found
            if (call is not None and one.is_about(call)) or (command and one.command == command)
        ]
        return next(iter(fitting or found), None)

    def _close(
        self,
        opened: _Open | None,
        status: Status,
        error: str | None = None,
        ended: CallDisconnected | None = None,
    ) -> None:
        if opened is not None:
            self._open.remove(opened)
            self._answer(opened, status, error, ended)

    def _answer(
        self,
        opened: _Open,
        status: Status,
        error: str | None = None,
        ended: CallDisconnected | None = None,
    ) -> None:
        self._tell(
            Answer(
                request_id=opened.request_id,
                command=opened.command or None,
                number=opened.number,
                status=status,
                call=opened.call,
                error=error,
                ended=ended,
            )
        )
