"""What holds for every call, whatever happens in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from hasip.calls import machine
from hasip.calls.call_state import (
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
    PlaybackId,
    PlayRequested,
    Refuse,
    Settling,
    StopPlaying,
    StopRequested,
    Tell,
    Timer,
    TimerFired,
    WhenUp,
)
from hasip.calls.prompt import Message
from hasip.commands.model import Transfer
from hasip.events.model import DtmfDigit
from support.menus import menu_tree

if TYPE_CHECKING:
    from hasip.calls.call_state import Effect, State

POST_ACTIONS = ["noop", "hangup", "return", "return 2", "repeat_message", "jump a", "jump b"]
TRANSFER = Transfer(command="transfer", number="a", transfer_to="b")
digits = st.sampled_from("0123456789*#ABCD")

menus = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["a", "b"]),
            "message": st.sampled_from(["x", "y"]),
            "audio_file": st.just("/f.wav"),
            "post_action": st.sampled_from(POST_ACTIONS),
            "choices_are_pin": st.booleans(),
            "wait_for_audio_to_finish": st.booleans(),
            "timeout": st.sampled_from([0, 5]),
            "action": st.just({"domain": "d", "service": "s"}),
            "choices": st.dictionaries(
                st.sampled_from(["1", "2", "12", "123", "#", "default", "timeout"]),
                menus,
                max_size=3,
            ),
        },
    )
)
inputs = st.one_of(
    st.builds(Digit, digits),
    st.sampled_from(list(Timer)).map(TimerFired),
    st.integers(0, 6).map(lambda number: PlaybackEnded(PlaybackId(number))),
    st.builds(
        PlayRequested,
        prompt=st.just(Message(text="z")),
        wait_for_audio=st.booleans(),
        hang_up_after=st.booleans(),
    ),
    st.just(WhenUp(TRANSFER)),
    st.booleans().map(BridgeChanged),
    st.sampled_from([PinLocked(60.0), PeerChanged(), AudioLost()]),
    st.sampled_from(
        [Connected(), Disconnected(), StopRequested(), HangupRequested(), AnswerRequested()]
    ),
)
starts = st.sampled_from(["outgoing", "listen", "accept at once", "accept later"])


def begin(kind: str, plan: Plan) -> tuple[State, tuple[Effect, ...]]:
    if kind == "outgoing":
        return machine.outgoing(plan, 60.0)
    return machine.incoming(plan, {"listen": None, "accept at once": 0.0}.get(kind, 3.0))


class Books:
    """What a session would have on its hands after each step."""

    def __init__(self) -> None:
        self.timers: set[Timer] = set()
        self.playing: PlaybackId | None = None
        self.typed = 0
        self.told = 0
        self.dropped = 0
        self.wanted = 0  # commands for the call
        self.answered = 0  # those that were carried out or refused

    def take(self, event: Input | None, effects: tuple[Effect, ...]) -> None:
        if isinstance(event, TimerFired):
            self.timers.discard(event.timer)
        if isinstance(event, PlaybackEnded) and event.playback == self.playing:
            self.playing = None
        if isinstance(event, Digit):
            self.typed += 1
        if isinstance(event, WhenUp):
            self.wanted += 1
        for effect in effects:
            match effect:
                case Arm(timer):
                    self.timers.add(timer)
                case Cancel(timer):
                    self.timers.discard(timer)
                case Play(playback):
                    assert self.playing is None
                    self.playing = playback
                case StopPlaying(playback):
                    assert self.playing == playback
                    self.playing = None
                case Tell(DtmfDigit()):
                    self.told += 1
                case CarryOut() | Refuse(WhenUp()):
                    self.answered += 1
                case Ignored(reason) if reason.startswith("digit"):
                    self.dropped += 1
                case _:
                    pass


def real(event: Input, books: Books) -> bool:
    """Tell whether the outside could send this: only armed timers fire."""
    return not isinstance(event, TimerFired) or event.timer in books.timers


@settings(max_examples=400, deadline=None)
@given(menus, starts, st.sampled_from([0.0, 1.0]), st.lists(inputs, max_size=40))
def test_no_sequence_raises_leaks_a_timer_or_a_prompt_or_loses_a_digit(
    menu: dict[str, object], kind: str, settle_time_s: float, events: list[Input]
) -> None:
    """Every digit is told, waits, or is dropped with a reason; the end leaves nothing behind."""
    plan = Plan(menu_tree(**menu), settle_time_s)
    books = Books()
    state, effects = begin(kind, plan)
    books.take(None, effects)
    for event in [*events, Disconnected()]:
        if not real(event, books):
            continue
        was_over = isinstance(state, Ended)
        state, effects = machine.step(state, event)
        books.take(event, effects)

        early = state.early if isinstance(state, Dialing | Answering | Settling) else ()
        waiting = sum(isinstance(one, Digit) for one in early)
        assert books.told + books.dropped + waiting == books.typed or _lost_by_the_end(state)
        waiting = sum(isinstance(one, WhenUp) for one in early)
        assert books.answered + waiting == books.wanted or _lost_by_the_end(state)
        if isinstance(state, InMenu):
            assert books.playing == (state.playing.playback if state.playing else None)
            is_timed = state.menu.timeout_s is not None and not state.is_bridged
            assert books.timers == ({Timer.MENU} if is_timed else set())
        if isinstance(state, Ending | Ended):
            assert books.timers == set()
            assert books.playing is None
        if was_over:
            assert not any(isinstance(effect, Play | Arm | EndCall) for effect in effects)

    assert state == Ended()


def _lost_by_the_end(state: State) -> bool:
    # Digits that were still waiting when the call ended have nowhere to count.
    return isinstance(state, Ending | Ended)


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789", min_size=1, max_size=6), st.text("0123456789", min_size=1, max_size=6))
def test_whatever_was_mistyped_the_right_pin_after_it_opens(pin: str, wrong: str) -> None:
    """Complete wrong codes, typed without a pause, never swallow a digit of the right one."""
    wrong = (wrong * 6)[: len(pin)]
    if wrong == pin:
        return
    tree = menu_tree(
        id="main",
        message="code?",
        choices_are_pin=True,
        choices={pin: {"id": "open"}, "default": {"message": "wrong", "post_action": "return"}},
    )
    state, _ = machine.outgoing(Plan(tree, 0.0), 60.0)
    state, _ = machine.step(state, Connected())
    for digit in wrong + pin:
        state, _ = machine.step(state, Digit(digit))

    assert isinstance(state, InMenu)
    assert state.menu.id == "open"
