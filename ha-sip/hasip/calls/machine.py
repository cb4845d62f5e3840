"""What a call does: a pure function from (state, input) to (new state, effects).

Nothing happens here; effects are data that `CallSession` carries out. A call goes through these
states, and `Ending` may follow each of them::

    outgoing:  Dialing ------------------.
    incoming:  Ringing -> Answering -----+-> Settling -> InMenu -> Ending -> Ended

This file holds the way into the menus and out of them; `menu_machine.py` what happens there.

Timers belong to states: `step` cancels those that the new state does not have, so that no state
has to think of the timers of another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from hasip.calls import menu_machine
from hasip.calls.call_state import (
    AnswerCall,
    Answering,
    AnswerRequested,
    Arm,
    AudioLost,
    BridgeChanged,
    Cancel,
    CarryOut,
    Connected,
    Dialing,
    Digit,
    Disconnected,
    Early,
    Effect,
    EndCall,
    Ended,
    Ending,
    HangupRequested,
    Ignored,
    InMenu,
    Input,
    PeerChanged,
    PinLocked,
    Plan,
    Play,
    PlaybackEnded,
    PlayRequested,
    Prepare,
    Refuse,
    Ringing,
    Settling,
    State,
    StopPlaying,
    StopRequested,
    Tell,
    Timer,
    TimerFired,
    WhenUp,
)
from hasip.calls.menu import ROOT
from hasip.calls.menu_machine import Turn
from hasip.calls.outcome import EndCause
from hasip.events.model import CallEstablished, PinLockout, RingTimeout

if TYPE_CHECKING:
    from hasip.calls.call_state import PlaybackId
    from hasip.calls.prompt import Prompt

# How long an incoming call may ring at the gateway.
UNANSWERED_TIMEOUT_S = 300.0
# RFC 3261 §21.4.18: the callee is there but does not answer.
TEMPORARILY_UNAVAILABLE = 480


# --- the start of a call --------------------------------------------------------------------


def outgoing(plan: Plan, ring_timeout_s: float) -> tuple[State, tuple[Effect, ...]]:
    """Begin with a call whose INVITE is sent; the first prompts are made while it rings."""
    prompts = plan.tree.root.prompts
    return Dialing(plan), (Arm(Timer.RING, ring_timeout_s), *_prepare(prompts))


def incoming(plan: Plan, answer_after_s: float | None) -> tuple[State, tuple[Effect, ...]]:
    """Begin with an INVITE that came in; None: it is not answered unless a command says so."""
    ring = Arm(Timer.RING, UNANSWERED_TIMEOUT_S)
    if answer_after_s is None:
        return Ringing(plan), (ring,)
    prepare = _prepare(plan.tree.root.prompts)
    if answer_after_s <= 0:
        return Answering(plan), (AnswerCall(), *prepare)
    return Ringing(plan, answers_itself=True), (
        ring,
        Arm(Timer.ANSWER_AFTER, answer_after_s),
        *prepare,
    )


def refused(sip_code: int) -> tuple[State, tuple[Effect, ...]]:
    """Begin with an INVITE that is answered with an error at once."""
    return Ending(), (EndCall(sip_code),)


# --- the machine ----------------------------------------------------------------------------


def step(state: State, event: Input) -> tuple[State, tuple[Effect, ...]]:
    """Return the state after an input, and what is to be done; never raises."""
    turn = Turn()
    new_state = _next(state, event, turn)
    owned = _timers_of(new_state)
    cancelled = [Cancel(timer) for timer in Timer if timer in _timers_of(state) - owned]
    # A menu that was left again in the same step has left its timer behind.
    kept = [e for e in turn.effects if not isinstance(e, Arm) or e.timer in owned]
    return new_state, (*cancelled, *_without_unheard(kept))


def _timers_of(state: State) -> frozenset[Timer]:
    match state:
        case Dialing():
            return frozenset({Timer.RING})
        case Ringing(answers_itself=True):
            return frozenset({Timer.RING, Timer.ANSWER_AFTER})
        case Ringing():
            return frozenset({Timer.RING})
        case Settling():
            return frozenset({Timer.SETTLE})
        case InMenu():
            runs = state.menu.timeout_s is not None and not state.is_bridged
            return frozenset({Timer.MENU}) if runs else frozenset()
        case Answering() | Ending() | Ended():
            return frozenset()
        case _:
            assert_never(state)


def _next(state: State, event: Input, turn: Turn) -> State:
    match event:
        case Disconnected():
            return _on_disconnected(state, turn)
        case HangupRequested():
            return _on_hangup(state, event, turn)
        case TimerFired(timer):
            return _on_timer(state, timer, turn)
        case Connected():
            return _on_connected(state, turn)
        case AnswerRequested():
            return _on_answer(state, event, turn)
        case Digit():
            return _when_settled(state, event, turn)
        case PlayRequested() | WhenUp():
            return _when_settled(state, event, turn)
        case BridgeChanged(is_bridged):
            return _on_bridge(state, turn, is_bridged=is_bridged)
        case AudioLost():
            return _on_hangup(state, HangupRequested(cause=EndCause.NO_RTP), turn)
        case PeerChanged():
            return menu_machine.greet(state, turn) if isinstance(state, InMenu) else state
        case PinLocked(lockout_s):
            return _on_pin_locked(state, lockout_s, turn)
        case StopRequested():
            return _on_stop(state, event, turn)
        case PlaybackEnded(playback):
            return _on_playback_ended(state, playback, turn)
        case _:
            assert_never(event)


# --- ringing, answering, settling -----------------------------------------------------------


def _on_connected(state: State, turn: Turn) -> State:
    match state:
        case Dialing(plan, early) | Answering(plan, early):
            if plan.settle_time_s <= 0:
                return _settled(Settling(plan, early), turn)
            turn.do(Arm(Timer.SETTLE, plan.settle_time_s))
            return Settling(plan, early)
        case _:
            turn.do(Ignored(f"connected again while {_name(state)}"))
            return state


def _settled(state: Settling, turn: Turn) -> State:
    turn.do(Tell(CallEstablished()))
    new_state: State = menu_machine.enter(InMenu(tree=state.plan.tree, at=ROOT), ROOT, turn)
    for early in state.early:
        new_state = _when_settled(new_state, early, turn)
    return new_state


def _on_timer(state: State, timer: Timer, turn: Turn) -> State:
    match state, timer:
        case Dialing(), Timer.RING:
            turn.do(Tell(RingTimeout()), EndCall(cause=EndCause.RING_TIMEOUT))
            return Ending()
        case Ringing(), Timer.RING:
            turn.do(Tell(RingTimeout()), EndCall(TEMPORARILY_UNAVAILABLE, EndCause.RING_TIMEOUT))
            return Ending()
        case Ringing(plan), Timer.ANSWER_AFTER:
            turn.do(AnswerCall())
            return Answering(plan)
        case Settling(), Timer.SETTLE:
            return _settled(state, turn)
        case InMenu(), Timer.MENU if state.menu.timeout_s is not None:
            return menu_machine.on_timeout(state, turn)
        case _:
            turn.do(Ignored(f"timer {timer.name} while {_name(state)}"))
            return state


def _on_answer(state: State, event: AnswerRequested, turn: Turn) -> State:
    match state:
        case Ringing(plan):
            plan = replace(plan, tree=event.tree or plan.tree)
            turn.do(AnswerCall(), *_prepare(plan.tree.root.prompts))
            return Answering(plan)
        case Answering(plan, early) if event.tree is not None:
            turn.do(*_prepare(event.tree.root.prompts))
            return Answering(replace(plan, tree=event.tree), early)
        case Settling(plan, early) if event.tree is not None:
            turn.do(*_prepare(event.tree.root.prompts))
            return Settling(replace(plan, tree=event.tree), early)
        case InMenu() if event.tree is not None:
            silent = menu_machine.stop(state, turn)
            return menu_machine.enter(replace(silent, tree=event.tree), ROOT, turn)
        case Answering() | Settling() | InMenu():
            turn.do(Ignored("answered already, and the command brings no other menu"))
            return state
        case Dialing():
            turn.do(Refuse(event, "the call is an outgoing one that rings at the other side"))
            return state
        case Ending() | Ended():
            turn.do(Refuse(event, "the call has ended"))
            return state
        case _:
            assert_never(state)


def _on_hangup(state: State, event: HangupRequested, turn: Turn) -> State:
    match state:
        case Ending() | Ended():
            turn.do(Ignored("hung up already"))
            return state
        case Ringing():
            turn.do(EndCall(event.sip_code, event.cause))
            return Ending()
        case InMenu():
            return menu_machine.hang_up(state, turn, event.cause)
        case Dialing() | Answering() | Settling():
            turn.do(EndCall(cause=event.cause))
            return Ending()
        case _:
            assert_never(state)


def _on_disconnected(state: State, turn: Turn) -> State:
    if isinstance(state, InMenu):
        menu_machine.stop(state, turn)
    return Ended()


def _on_bridge(state: State, turn: Turn, *, is_bridged: bool) -> State:
    if not isinstance(state, InMenu):
        turn.do(Ignored(f"bridge changed while {_name(state)}"))
        return state
    if not is_bridged and state.menu.timeout_s is not None:
        turn.do(Arm(Timer.MENU, state.menu.timeout_s))
    return replace(state, is_bridged=is_bridged)


def _on_pin_locked(state: State, lockout_s: float, turn: Turn) -> State:
    """End what might go on guessing."""
    match state:
        case Ringing(plan) if plan.tree.asks_for_pin:
            return Ringing(plan)  # as in listen mode
        case Answering(plan) | Settling(plan) if plan.tree.asks_for_pin:
            turn.do(Tell(PinLockout(lockout_s=lockout_s)), EndCall(cause=EndCause.PIN_LOCKOUT))
            return Ending()
        case InMenu(tree=tree) if tree.asks_for_pin:
            turn.do(Tell(PinLockout(lockout_s=lockout_s)))
            return menu_machine.hang_up(state, turn, EndCause.PIN_LOCKOUT)
        case _:
            turn.do(Ignored(f"too many wrong codes, while {_name(state)}"))
            return state


def _on_stop(state: State, event: StopRequested, turn: Turn) -> State:
    if isinstance(state, InMenu):
        return menu_machine.on_stop(state, turn)
    turn.do(Refuse(event, f"the call is not up ({_name(state)})"))
    return state


def _on_playback_ended(state: State, playback: PlaybackId, turn: Turn) -> State:
    if isinstance(state, InMenu):
        return menu_machine.on_playback_ended(state, playback, turn)
    turn.do(Ignored(f"end of prompt {playback} while {_name(state)}"))
    return state


def _when_settled(state: State, event: Early, turn: Turn) -> State:
    """Take what only a settled call can do; keep it while the call is coming up."""
    match state:
        case InMenu():
            turn.visited.clear()
            match event:
                case Digit(digit):
                    return menu_machine.on_digit(state, digit, turn)
                case WhenUp():
                    turn.do(CarryOut(event))
                    return state
                case PlayRequested():
                    return menu_machine.play_instead(state, event, turn)
                case _:
                    assert_never(event)
        case Dialing(plan, early) if isinstance(event, Digit):  # early media carries digits too
            return Dialing(plan, (*early, event))
        case Answering(plan, early):
            return Answering(plan, (*early, event))
        case Settling(plan, early):
            return Settling(plan, (*early, event))
        case _ if isinstance(event, Digit):
            turn.do(Ignored(f"digit while {_name(state)}"))
            return state
        case _:
            turn.do(Refuse(event, f"the call is not up ({_name(state)})"))
            return state


# --- small things ---------------------------------------------------------------------------


def _prepare(prompts: tuple[Prompt, ...]) -> tuple[Effect, ...]:
    return (Prepare(prompts),) if prompts else ()


def _name(state: State) -> str:
    return type(state).__name__.lower()


def _without_unheard(effects: list[Effect]) -> list[Effect]:
    """Leave out prompts that the same step starts and stops again."""
    stopped = {effect.playback for effect in effects if isinstance(effect, StopPlaying)}
    started = {effect.playback for effect in effects if isinstance(effect, Play)}
    unheard = stopped & started
    return [
        effect
        for effect in effects
        if not (isinstance(effect, Play | StopPlaying) and effect.playback in unheard)
    ]
