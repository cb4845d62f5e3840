"""Carries out commands: finds the call that is meant, and tells what can't be done."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, assert_never

from hasip.calls.call_state import AnswerRequested, PlayRequested, StopRequested, WhenUp
from hasip.calls.prompt import AudioFile, ErrorSound, Message
from hasip.commands.findings import unknown
from hasip.commands.model import (
    Afterwards,
    Answer,
    BridgeAudio,
    CallService,
    Command,
    Dial,
    Hangup,
    PlayAudioFile,
    PlayMessage,
    Quit,
    SendDtmf,
    StartRecording,
    State,
    StopPlayback,
    StopRecording,
    Transfer,
)
from hasip.commands.reading import keys_of
from hasip.errors import CommandError, HaSipError
from hasip.events.model import COMMAND_EVENTS, CommandFailed, ServiceFailed
from hasip.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hasip.calls.call_state import Input
    from hasip.calls.desk import CallDesk
    from hasip.calls.registry import CallRegistry
    from hasip.calls.session import CallSession
    from hasip.commands.model import CallCommand, InvalidCommandError
    from hasip.events.model import Event
    from hasip.workers import Result

_log = logging.getLogger(__name__)

# In a menu's action: the call that the menu belongs to.
SELF = "self"


class ServiceCaller(Protocol):
    """Runs actions of Home Assistant."""

    def call(self, command: CallService, done: Callable[[Result[None]], None]) -> None:
        """Run an action; `done` is called once, later, on the loop thread."""
        ...


class CommandWatcher(Protocol):
    """Follows what becomes of commands."""

    def begin(self, command: Command) -> None:
        """Take note that a command is about to be carried out."""
        ...

    def taken(self, command: Command, session: CallSession | None) -> None:
        """Take note that a command was not refused; `session` is the call that it is about."""
        ...

    def finish(self, request_id: str | None) -> None:
        """Take note that a command did what it was to do."""
        ...


class Dispatcher:
    """Takes commands on the loop thread, from wherever they come."""

    def __init__(
        self,
        registry: CallRegistry,
        services: ServiceCaller,
        publish: Callable[[Event], None],
        *,
        quit_program: Callable[[], None],
        account_states: Callable[[], Iterable[str]],
    ) -> None:
        self._registry = registry
        self._services = services
        self._publish = publish
        self._quit = quit_program
        self._account_states = account_states
        self._desk: CallDesk | None = None
        self._watcher: CommandWatcher | None = None

    def watch(self, watcher: CommandWatcher) -> None:
        """Have `watcher` follow every command."""
        self._watcher = watcher

    def finish(self, request_id: str | None) -> None:
        """Take note that a command did what it was to do."""
        if self._watcher is not None:
            self._watcher.finish(request_id)

    def use(self, desk: CallDesk) -> None:
        """Place calls through `desk`, whose sessions run their actions here."""
        self._desk = desk

    def dispatch(self, command: Command, origin: CallSession | None = None) -> None:
        """Carry a command out; `origin` is the call whose menu has it as its action."""
        for key in command.unknown_keys:
            known = keys_of(type(command))
            _log.warning("%s: %s", command.command, unknown(key, known, "key"))
        if isinstance(command, Dial | Answer):
            for event in command.webhook_to_call.keys() - COMMAND_EVENTS:
                said = unknown(event, COMMAND_EVENTS, "event")
                _log.warning("%s: webhook_to_call: %s", command.command, said)
        watcher = self._watcher
        if watcher is not None:
            watcher.begin(command)
        try:
            session = self._carry_out(command, origin)
        except HaSipError as error:
            self._fail(command, str(error))
            return
        if watcher is not None:
            watcher.taken(command, session)

    def refuse_invalid(self, error: InvalidCommandError) -> None:
        """Tell that a command could not be read."""
        _log.error("Error: %s", error)
        self._publish(
            CommandFailed(
                command=error.command,
                number=error.number,
                error=str(error),
                request_id=error.request_id,
            )
        )

    def refuse_input(self, request: Input, reason: str, session: CallSession) -> None:
        """Tell that a call could not do what a command wanted of it."""
        verb: str
        match request:
            case WhenUp(command):
                verb, request_id = command.command, command.request_id
            case PlayRequested(prompt=Message(), request_id=request_id):
                verb = "play_message"
            case PlayRequested(request_id=request_id):
                verb = "play_audio_file"
            case StopRequested(request_id):
                verb = "stop_playback"
            case AnswerRequested(request_id=request_id):
                verb = "answer"
            case _:
                verb, request_id = type(request).__name__, None
        self._tell_failure(verb, session.info.internal_id, reason, request_id)

    def _carry_out(self, command: Command, origin: CallSession | None) -> CallSession | None:
        """Do it, and return the call that it is about; raises `HaSipError`."""
        match command:
            case CallService():
                self._call_service(command, origin)
                return origin
            case Dial():
                return self._dial(command)
            case State():
                self._log_state()
                return None
            case Quit():
                self._quit()
                return None
        call = self._call(command.number, origin)
        match command:
            case Hangup():
                call.hang_up(command.sip_code)
            case Answer():
                if self._desk is not None:  # else there is no call
                    self._desk.answer(command, call)
            case PlayMessage() | PlayAudioFile():
                call.feed(_play_request(command))
            case StopPlayback():
                call.feed(StopRequested(command.request_id))
            case SendDtmf() | Transfer() | BridgeAudio() | StartRecording() | StopRecording():
                call.feed(WhenUp(_with_self_resolved(command, origin)))
            case _:
                assert_never(command)
        return call

    def _dial(self, command: Dial) -> CallSession:
        if self._desk is None:
            msg = "the SIP stack is not up"
            raise CommandError(msg)
        return self._desk.dial(command)

    def _call(self, number: str, origin: CallSession | None) -> CallSession:
        """Return the call that is meant; raises `CommandError`."""
        found = origin if origin is not None and number == SELF else self._registry.find(number)
        if found is None:
            active = ", ".join(call.info.internal_id for call in self._registry) or "none"
            msg = f'no active call matches "{number}"; active: {active}'
            raise CommandError(msg)
        return found

    def _call_service(self, command: CallService, origin: CallSession | None) -> None:
        started = f"{command.domain}.{command.service}"

        def done(result: Result[None]) -> None:
            if isinstance(result, Failed):
                self._service_failed(command, origin, str(result.error))
            else:
                _log.info("Service %s called", started)
                self.finish(command.request_id)

        self._services.call(command, done)

    def _service_failed(self, command: CallService, origin: CallSession | None, error: str) -> None:
        if origin is None:
            self._fail(command, error)
            return
        _log.warning(
            "[%s] service %s.%s failed: %s",
            origin.info.internal_id,
            command.domain,
            command.service,
            error,
        )
        origin.tell(
            ServiceFailed(domain=command.domain, service=command.service, error=error),
            command.request_id,
        )
        # What the menu says now ("the door is open") is not true.
        if origin.is_up:
            origin.feed(PlayRequested(prompt=ErrorSound()))

    def _log_state(self) -> None:
        if len(self._registry):
            _log.info("Currently registered calls:")
            for call in self._registry:
                _log.info("    %s", ", ".join(self._registry.names_of(call)))
        else:
            _log.info("No active calls.")
        _log.info("Accounts:")
        for state in self._account_states():
            _log.info("    %s", state)

    def _fail(self, command: Command, error: str) -> None:
        number = getattr(command, "number", None)
        webhooks = command.webhook_to_call if isinstance(command, Dial | Answer) else {}
        webhook = webhooks.get(CommandFailed.name)
        self._tell_failure(command.command, number, error, command.request_id, webhook)

    def _tell_failure(
        self,
        verb: str,
        number: str | None,
        error: str,
        request_id: str | None,
        webhook: str | None = None,
    ) -> None:
        _log.warning("%s%s failed: %s", verb, f" {number}" if number else "", error)
        self._publish(
            CommandFailed(
                command=verb, number=number, error=error, request_id=request_id, webhook=webhook
            )
        )


def _with_self_resolved(command: CallCommand, origin: CallSession | None) -> CallCommand:
    """Return the command with the id of the call it came from in place of `self`."""
    if isinstance(command, BridgeAudio) and origin is not None and command.bridge_to == SELF:
        return replace(command, bridge_to=origin.info.internal_id)
    return command


def _play_request(command: PlayMessage | PlayAudioFile) -> PlayRequested:
    match command:
        case PlayMessage():
            prompt: Message | AudioFile = Message(
                text=command.message,
                language=command.tts_language,
                is_template=command.handle_as_template,
                cache=command.cache_audio,
            )
        case PlayAudioFile():
            prompt = AudioFile(path=command.audio_file, cache=command.cache_audio)
        case _:
            assert_never(command)
    return PlayRequested(
        prompt=prompt,
        wait_for_audio=command.wait_for_audio_to_finish,
        hang_up_after=command.post_action is Afterwards.HANGUP,
        request_id=command.request_id,
    )
