"""One call: carries out what the call machine decides.

The session owns everything a call has while it lives: its timers, the prompt that is being made
or heard, and its place in the registry. It lives on the loop thread.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from hasip.calls import machine
from hasip.calls.call_state import (
    AnswerCall,
    Answering,
    AnswerRequested,
    Arm,
    AudioLost,
    Cancel,
    CarryOut,
    Connected,
    Digit,
    Disconnected,
    Effect,
    EndCall,
    Ended,
    HangupRequested,
    Ignored,
    InMenu,
    Input,
    PeerChanged,
    PinTried,
    Play,
    PlaybackEnded,
    Prepare,
    Refuse,
    Ringing,
    RunAction,
    Settling,
    State,
    StopPlaying,
    Tell,
    TimerFired,
)
from hasip.calls.call_state import Timer as TimerName
from hasip.calls.call_work import CallWork
from hasip.calls.outcome import CallEnd, EndCause, describe, outcome_of
from hasip.calls.prompts import PromptPlayer
from hasip.calls.uri import parse_number, who
from hasip.dataclass import dataclass
from hasip.errors import HaSipError, SipError
from hasip.events.model import (
    CallDisconnected,
    CallEvent,
    CallInfo,
    CallTransferred,
    DtmfDigit,
    Side,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.calls.call_state import WhenUp
    from hasip.calls.menu import MenuTree
    from hasip.calls.ports import CallLeg, Recordings, Speaker
    from hasip.commands.model import Command
    from hasip.events.model import CallEventBody, Event, Outcome, Takeover
    from hasip.loop import Loop, Timer

_log = logging.getLogger(__name__)

# SIP codes for a call that ended without the peer having said one.
REQUEST_TERMINATED = 487
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPorts:
    """What all sessions are given to work with."""

    loop: Loop
    speaker: Speaker
    recordings: Recordings
    publish: Callable[[Event], None]
    run_action: Callable[[Command, CallSession], None]
    refuse: Callable[[Input, str, CallSession], None]
    finish: Callable[[str | None], None]  # a command of that request_id did what it was to do


class CallSession:
    """A call from its first message to its last."""

    def __init__(
        self,
        *,
        info: CallInfo,
        leg: CallLeg,
        ports: SessionPorts,
        find: Callable[[str], CallSession | None],
        pin_tried: Callable[[PinTried, CallSession], None],
        on_ended: Callable[[CallSession], None],
    ) -> None:
        self.info = info
        self.leg = leg
        self._ports = ports
        self._loop = ports.loop
        self._pin_tried = pin_tried
        self._on_ended = on_ended
        self._player = PromptPlayer(ports.loop, leg, ports.speaker)
        self.work = CallWork(self, leg, ports.loop, ports.recordings, find)
        self._timers: dict[TimerName, Timer] = {}
        self._state: State = Ended()
        self._inbox: deque[Input] = deque()
        self._is_stepping = False
        self._connected_at: float | None = None
        self._has_rung = False
        self._lost_after_s = 0.0
        self._is_taken_elsewhere = False  # another phone answered it
        self.is_filtered = False  # it comes in, and its caller is one whom we don't answer
        self._end_cause: EndCause | None = None  # the first one is the reason

    # --- told by the dispatcher -------------------------------------------------------------

    def begin(
        self,
        state: State,
        effects: tuple[Effect, ...],
        told: CallEventBody,
        request_id: str | None = None,
    ) -> None:
        """Take the first state of a call; `told` is published before anything else happens."""
        self._loop.check()
        self._state = state
        self.tell(told, request_id)
        self._is_stepping = True
        self._carry_out(effects)
        self._is_stepping = False
        self._take_inbox()

    def answer(
        self,
        tree: MenuTree | None,
        webhooks: Mapping[str, str] | None,
        request_id: str | None = None,
    ) -> None:
        """Answer the call; a menu or webhooks that are given replace those it had."""
        if webhooks:
            self.info = replace(self.info, webhooks=webhooks)
        self.feed(AnswerRequested(tree, request_id))

    def hang_up(self, sip_code: int | None = None, cause: EndCause = EndCause.HANG_UP) -> None:
        """End the call."""
        self.feed(HangupRequested(sip_code, cause))

    def feed(self, event: Input) -> None:
        """Let the machine take an input; inputs that come up meanwhile are taken after it."""
        self._loop.check()
        self._inbox.append(event)
        self._take_inbox()

    def tell(self, what: CallEventBody, request_id: str | None = None) -> None:
        """Publish something that happened in this call."""
        self._log_event(what)
        self._ports.publish(CallEvent(call=self.info, what=what, request_id=request_id))

    def refuse(self, request: Input, reason: str) -> None:
        """Tell that a command can't be done."""
        self._ports.refuse(request, reason, self)

    def finish(self, request_id: str | None) -> None:
        """Tell that a command did what it was to do, where no event says so."""
        self._ports.finish(request_id)

    @property
    def compared_number(self) -> str:
        """Return the other side's number in the one form that it is compared in."""
        return who(self.info.remote_uri)

    @property
    def is_up(self) -> bool:
        """Tell whether the call is settled, and not ending."""
        return isinstance(self._state, InMenu)

    @property
    def asks_for_pin(self) -> bool:
        """Tell whether the menus that the call has ask for a code."""
        match self._state:
            case Ringing(plan) | Answering(plan) | Settling(plan):
                return plan.tree.asks_for_pin
            case InMenu(tree=tree):
                return tree.asks_for_pin
            case _:
                return False

    @property
    def is_over(self) -> bool:
        """Tell whether the dialog has ended."""
        return isinstance(self._state, Ended)

    @property
    def state_name(self) -> str:
        """Return a word for where the call is, for the log."""
        return type(self._state).__name__.lower()

    # --- told by the leg --------------------------------------------------------------------

    def on_ringing(self) -> None:
        """Take note that the other side rings."""
        self._has_rung = True

    def on_connected(self) -> None:
        """Take note that the dialog is confirmed."""
        if self._connected_at is None:
            self._connected_at = self._loop.clock.now()
        self.feed(Connected())

    def on_digit(self, digit: str) -> None:
        """Take a digit that the peer typed."""
        self.feed(Digit(digit))

    def on_headers(self, headers: Mapping[str, str | None]) -> None:
        """Take the headers of a response; events have them from now on."""
        self.info = replace(self.info, headers=headers)

    def on_peer_changed(self, how: Takeover) -> None:
        """Go on with somebody else; the internal_id stays, since commands know the call by it."""
        before, leg = self.info, self.leg
        self.info = replace(
            before,
            call_id=leg.call_id,
            remote_uri=leg.remote_uri,
            local_uri=leg.local_uri,
            parsed_remote_uri=parse_number(leg.remote_uri),
            parsed_local_uri=parse_number(leg.local_uri),
            headers=leg.headers,
        )
        self.tell(
            CallTransferred(
                how=how,
                previous_remote_uri=before.remote_uri,
                previous_call_id=before.call_id,
            )
        )
        self.feed(PeerChanged())

    def on_audio_lost(self, silent_s: float) -> None:
        """End the call: nobody is there any more, or his network is gone."""
        self._lost_after_s = silent_s
        self.feed(AudioLost())

    def on_transfer(self, sip_code: int, sip_reason: str, *, is_final: bool) -> None:
        """Take note of how a transfer goes."""
        self.work.on_transfer(sip_code, sip_reason, is_final=is_final)

    def on_taken_elsewhere(self) -> None:
        """Take note that another phone answered."""
        self._is_taken_elsewhere = True

    def on_disconnected(self, sip_code: int, sip_reason: str, hangup_by: Side) -> None:
        """Take note that the dialog is over."""
        if self.is_over:
            return
        self.feed(Disconnected())
        self._player.close()
        started = self._connected_at
        if self._end_cause is EndCause.NO_RTP:
            sip_reason = f"no RTP for {self._lost_after_s:g} s"
        ended = CallDisconnected(
            sip_code=sip_code,
            sip_reason=sip_reason,
            duration_s=0.0 if started is None else self._loop.clock.now() - started,
            hangup_by=hangup_by,
            outcome=self._outcome(sip_code, hangup_by),
        )

        def leave() -> None:
            self.tell(ended)
            self._on_ended(self)

        self.work.close(leave)

    # --- carrying out -----------------------------------------------------------------------

    def _take_inbox(self) -> None:
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                self._state, effects = machine.step(self._state, self._inbox.popleft())
                self._carry_out(effects)
        finally:
            self._is_stepping = False

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            try:
                self._perform(effect)
            except Exception:
                # One effect that fails must not keep the next, which may be the hang-up.
                _log.exception("[%s] failed: %s", self.info.internal_id, effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AnswerCall():
                self._on_leg(self.leg.answer)
            case EndCall(sip_code, cause):
                self._end_cause = self._end_cause or cause
                self._on_leg(lambda: self.leg.hang_up(sip_code))
            case Prepare(prompts):
                self._player.prepare(prompts)
            case Play(playback, prompt, following):
                self._player.play(prompt, lambda: self.feed(PlaybackEnded(playback)))
                self._player.prepare(following)
            case StopPlaying():
                self._player.stop()
            case RunAction(action):
                self._ports.run_action(action, self)
            case CarryOut(request):
                self._carry_out_request(request)
            case PinTried():
                self._pin_tried(effect, self)
            case Arm(timer, delay_s):
                self._arm(timer, delay_s)
            case Cancel(timer):
                self._cancel(timer)
            case Tell(what, request_id):
                self.tell(what, request_id)
            case Refuse(request, reason):
                self.refuse(request, reason)
            case Ignored(reason):
                _log.info("[%s] %s", self.info.internal_id, reason)
            case _:
                assert_never(effect)

    def _carry_out_request(self, request: WhenUp) -> None:
        try:
            self.work.carry_out(request)
        except HaSipError as error:
            self.refuse(request, str(error))

    def _on_leg(self, act: Callable[[], None]) -> None:
        """Do something on the leg; a leg that can't do it is a call that is over."""
        try:
            act()
        except SipError as error:
            _log.warning("[%s] %s", self.info.internal_id, error)
            reason = str(error)
            self._end_cause = self._end_cause or EndCause.BROKEN
            self._loop.post(lambda: self.on_disconnected(SERVER_ERROR, reason, Side.LOCAL))
            with contextlib.suppress(SipError):  # an INVITE that has no answer would go on ringing
                self.leg.hang_up(SERVER_ERROR)

    def _arm(self, name: TimerName, delay_s: float) -> None:
        self._cancel(name)
        self._timers[name] = self._loop.call_later(delay_s, lambda: self._fire(name))

    def _cancel(self, name: TimerName) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _fire(self, name: TimerName) -> None:
        del self._timers[name]
        self.feed(TimerFired(name))

    def _outcome(self, sip_code: int, hangup_by: Side) -> Outcome:
        return outcome_of(
            CallEnd(
                direction=self.info.direction,
                was_answered=self._connected_at is not None,
                has_rung=self._has_rung,
                is_filtered=self.is_filtered,
                is_taken_elsewhere=self._is_taken_elsewhere,
                sip_code=sip_code,
                hangup_by=hangup_by,
                cause=self._end_cause,
            )
        )

    def _log_event(self, what: CallEventBody) -> None:
        if isinstance(what, CallDisconnected):
            _log.info("[%s] %s", self.info.internal_id, describe(what))
        elif isinstance(what, DtmfDigit):
            shown = "*" if what.is_secret else what.digit
            _log.info("[%s] %s: %s", self.info.internal_id, what.name, shown)
        else:
            _log.info("[%s] %s", self.info.internal_id, what)
