"""What a call does beside its menus: digits to the peer, transfer, bridge, recording."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, assert_never

from hasip.calls.call_state import BridgeChanged
from hasip.calls.outcome import EndCause
from hasip.commands.model import (
    Afterwards,
    BridgeAudio,
    SendDtmf,
    StartRecording,
    StopRecording,
    Transfer,
)
from hasip.dataclass import dataclass
from hasip.errors import CommandError, SipError
from hasip.events.model import RecordingStarted, RecordingStopped, TransferResult
from hasip.workers import Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.calls.call_state import WhenUp
    from hasip.calls.ports import CallLeg, Recordings
    from hasip.calls.session import CallSession
    from hasip.loop import Loop, Timer
    from hasip.workers import Result

_log = logging.getLogger(__name__)

# How long a transfer may take until the final NOTIFY; the other phone may ring meanwhile.
TRANSFER_WITHIN_S = 180.0
REQUEST_TIMEOUT = 408
FIRST_SUCCESS = 200
FIRST_ERROR = 300


@dataclass(slots=True)
class _PendingTransfer:
    request_id: str | None
    timer: Timer
    last_code: int = 0


@dataclass(slots=True)
class _Recording:
    name: str  # of the file, as the command has it
    request_id: str | None
    path: Path | None = None  # None: the file is still being made
    is_unwanted: bool = False  # it was stopped, or the call is over, while the file was made


class CallWork:
    """The work of one call; loop thread only."""

    def __init__(
        self,
        session: CallSession,
        leg: CallLeg,
        loop: Loop,
        recordings: Recordings,
        find: Callable[[str], CallSession | None],
    ) -> None:
        self._session = session
        self._leg = leg
        self._loop = loop
        self._recordings = recordings
        self._find = find
        self._transfer: _PendingTransfer | None = None
        self._recording: _Recording | None = None
        self._unfinished_recordings = 0
        self._when_done: Callable[[], None] | None = None
        self._bridged: list[CallWork] = []

    def carry_out(self, request: WhenUp) -> None:
        """Begin with what a command wants; raises `CommandError` or `SipError`."""
        match request.command:
            case SendDtmf() as command:
                self._send_digits(request, command)
            case Transfer() as command:
                self._begin_transfer(command)
            case BridgeAudio() as command:
                self._bridge(command)
            case StartRecording() as command:
                self._start_recording(request, command)
            case StopRecording() as command:
                self._stop_recording(command)
            case _:
                assert_never(request.command)

    def on_transfer(self, sip_code: int, sip_reason: str, *, is_final: bool) -> None:
        """Take note of how a transfer goes (RFC 3515 §2.4.5): 202 alone is no success."""
        transfer = self._transfer
        if transfer is None:
            return
        transfer.last_code = sip_code
        if not is_final:
            _log.info("[%s] transfer: %d %s", self._name, sip_code, sip_reason)
            return
        success = FIRST_SUCCESS <= sip_code < FIRST_ERROR
        self._end_transfer(sip_code, sip_reason, success=success)
        if success:
            self._session.hang_up(cause=EndCause.TRANSFERRED)

    def close(self, when_done: Callable[[], None]) -> None:
        """End everything: the call is over. `when_done` is called when all of it was told."""
        for other in self._bridged:
            other.part(self)
        self._bridged.clear()
        if self._recording is not None:
            self._end_recording(None)
        if self._transfer is not None:
            self._end_transfer(
                self._transfer.last_code,
                "the call ended before the outcome was known",
                success=False,
            )
        self._when_done = when_done
        self._look_whether_done()

    def join(self, other: CallWork) -> None:
        """Take note that the call is bridged with another one."""
        self._bridged.append(other)
        self._session.feed(BridgeChanged(is_bridged=True))

    def part(self, other: CallWork) -> None:
        """Take note that a bridged call is over."""
        self._bridged.remove(other)
        _log.info("[%s] is not bridged with %s any more", self._name, other._name)
        if not self._bridged:
            self._session.feed(BridgeChanged(is_bridged=False))

    @property
    def _name(self) -> str:
        return self._session.info.internal_id

    # --- digits -----------------------------------------------------------------------------

    def _send_digits(self, request: WhenUp, command: SendDtmf) -> None:
        def done(error: str | None) -> None:
            if error is not None:
                self._session.refuse(request, error)
                return
            _log.info("[%s] digits were sent (%s)", self._name, command.method)
            self._session.finish(command.request_id)
            if command.post_action is Afterwards.HANGUP:
                self._session.hang_up()

        self._leg.send_digits(command.digits, command.method, done)

    # --- transfer ---------------------------------------------------------------------------

    def _begin_transfer(self, command: Transfer) -> None:
        if self._transfer is not None:
            msg = "a transfer of this call is under way"
            raise CommandError(msg)
        self._leg.transfer(command.transfer_to)
        timer = self._loop.call_later(TRANSFER_WITHIN_S, self._transfer_timed_out)
        self._transfer = _PendingTransfer(command.request_id, timer)
        _log.info("[%s] is being transferred to %s", self._name, command.transfer_to)

    def _transfer_timed_out(self) -> None:
        reason = f"no outcome within {TRANSFER_WITHIN_S:.0f} s"
        self._end_transfer(REQUEST_TIMEOUT, reason, success=False)

    def _end_transfer(self, sip_code: int, sip_reason: str, *, success: bool) -> None:
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.timer.cancel()
            self._session.tell(
                TransferResult(sip_code=sip_code, sip_reason=sip_reason, success=success),
                transfer.request_id,
            )

    # --- bridge -----------------------------------------------------------------------------

    def _bridge(self, command: BridgeAudio) -> None:
        other = self._find(command.bridge_to)
        if other is None:
            msg = f'bridge_to: no active call matches "{command.bridge_to}"'
            raise CommandError(msg)
        if other is self._session:
            msg = "bridge_to: a call cannot be bridged with itself"
            raise CommandError(msg)
        if not other.is_up:
            msg = f"bridge_to: {other.info.internal_id} is not up ({other.state_name})"
            raise CommandError(msg)
        if other.work in self._bridged:
            _log.info("[%s] is bridged with %s already", self._name, other.info.internal_id)
            return
        self._leg.bridge(other.leg)
        _log.info("[%s] is bridged with %s", self._name, other.info.internal_id)
        self.join(other.work)
        other.work.join(self)

    # --- recording --------------------------------------------------------------------------

    def _start_recording(self, request: WhenUp, command: StartRecording) -> None:
        if self._recording is not None:
            msg = f"this call is being recorded to {self._recording.name} already"
            raise CommandError(msg)
        recording = _Recording(command.recording_file, command.request_id)
        self._recording = recording

        def done(result: Result[Path]) -> None:
            if not isinstance(result, Done):
                self._give_up(recording)
                self._session.refuse(request, str(result.error))
                return
            if recording.is_unwanted:
                self._recordings.give_up(result.value)
                self._give_up(recording)
                self._session.refuse(request, "it was stopped before it began")
                return
            try:
                self._leg.start_recording(result.value)
            except SipError as error:
                self._recordings.give_up(result.value)
                self._give_up(recording)
                self._session.refuse(request, f"recording_file {recording.name}: {error}")
                return
            recording.path = result.value
            self._session.tell(RecordingStarted(recording.name), recording.request_id)

        self._recordings.begin(command.recording_file, done)

    def _stop_recording(self, command: StopRecording) -> None:
        if self._recording is None or self._recording.is_unwanted:
            msg = "this call is not being recorded"
            raise CommandError(msg)
        self._end_recording(command.request_id)

    def _end_recording(self, request_id: str | None) -> None:
        recording = self._recording
        if recording is None:
            return
        if recording.path is None:
            recording.is_unwanted = True
            return
        path = recording.path
        self._recording = None
        self._leg.stop_recording()
        self._unfinished_recordings += 1

        def done() -> None:
            self._unfinished_recordings -= 1
            self._session.tell(RecordingStopped(recording.name), request_id)
            self._look_whether_done()

        self._recordings.finish(path, done)

    def _give_up(self, recording: _Recording) -> None:
        if self._recording is recording:
            self._recording = None

    def _look_whether_done(self) -> None:
        if self._when_done is not None and self._unfinished_recordings == 0:
            when_done, self._when_done = self._when_done, None
            when_done()
