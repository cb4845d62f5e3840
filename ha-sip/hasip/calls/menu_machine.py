"""What a settled call does in its menus: prompts, digits, time-outs.

The part of the call machine that is about menus; pure, as all of it. Each function takes the state
and returns the next, and writes down in the `Turn` what is to be done.

Rules of the contract that are easy to miss, and where they are:

- a digit and a prompt: `on_digit` and `_silence_for_digit`
- a play command takes the place of a prompt and inherits its post_action: `play_instead`
- menus without a prompt that lead to each other in a circle: `Turn.visited`
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, assert_never

from hasip.calls.call_state import (
    Arm,
    Effect,
    EndCall,
    Ending,
    Ignored,
    InMenu,
    PinTried,
    Play,
    PlaybackId,
    Playing,
    PlayRequested,
    RunAction,
    State,
    StopPlaying,
    Tell,
    Timer,
)
from hasip.calls.codes import behind
from hasip.calls.menu import HangUp, Jump, MenuIndex, NoOp, PostAction, Repeat, Return
from hasip.calls.outcome import EndCause
from hasip.calls.prompt import AudioFile, ErrorSound, Message, Prompt
from hasip.dataclass import dataclass
from hasip.events.model import AudioFilePlayed, DtmfDigit, EnteredMenu, MenuTimeout, MessagePlayed

if TYPE_CHECKING:
    from hasip.calls.menu import Menu
    from hasip.events.model import CallEventBody


@dataclass(slots=True)
class Turn:
    """What one step collects."""

    effects: list[Effect] = field(default_factory=list)
    # Menus entered on the way: the same one again without a prompt between is an endless circle.
    visited: set[MenuIndex] = field(default_factory=set)

    def do(self, *effects: Effect) -> None:
        """Have these effects carried out, in this order."""
        self.effects += effects


def enter(state: InMenu, index: MenuIndex, turn: Turn) -> State:
    """Enter a menu: event, action, prompt, in this order; with no prompt the post_action."""
    turn.visited.add(index)
    state = replace(stop(state, turn), at=index, typed="")
    menu = state.menu
    if menu.id is not None:
        turn.do(Tell(EnteredMenu(menu.id)))
    if menu.action is not None:
        turn.do(RunAction(menu.action))
    if menu.timeout_s is not None:
        turn.do(Arm(Timer.MENU, menu.timeout_s))
    if menu.prompts:
        return _play_menu_prompts(state, turn)
    return _after_prompt(state, menu.post_action, turn)


def _play_menu_prompts(state: InMenu, turn: Turn) -> InMenu:
    menu = state.menu
    playing = Playing(
        playback=PlaybackId(0),
        prompt=menu.prompts[0],
        rest=menu.prompts[1:],
        wait_for_audio=menu.wait_for_audio,
        post_action=menu.post_action,
    )
    return _play(state, playing, turn)


def _play(state: InMenu, playing: Playing, turn: Turn) -> InMenu:
    """Start a prompt under a number of its own."""
    playback = PlaybackId(state.last_playback + 1)
    turn.do(Play(playback, playing.prompt, playing.rest))
    return replace(state, last_playback=playback, playing=replace(playing, playback=playback))


def stop(state: InMenu, turn: Turn) -> InMenu:
    """Stop the prompt, if any; its post_action does not run."""
    if state.playing is not None:
        turn.do(StopPlaying(state.playing.playback))
    return replace(state, playing=None)


def _after_prompt(state: InMenu, action: PostAction, turn: Turn) -> State:
    """Do what comes when the menu's prompt has ended, was interrupted, or never was."""
    menu = state.menu
    match action:
        case NoOp():
            return state
        case HangUp():
            return hang_up(state, turn)
        case Repeat():
            return _play_menu_prompts(state, turn) if menu.prompts else state
        case Return(levels):
            target = _levels_up(state, levels)
            if target is None:
                turn.do(Ignored(f"post_action return {levels} leads past the first menu"))
                return state
            return _enter_from(state, target, turn)
        case Jump(menu_id, target):
            if target is None:
                turn.do(Ignored(f'post_action jump: no menu has the id "{menu_id}"'))
                return state
            return _enter_from(state, target, turn)
        case _:
            assert_never(action)


def _enter_from(state: InMenu, target: MenuIndex, turn: Turn) -> State:
    if target in turn.visited:
        turn.do(Ignored("menus without a prompt lead to each other in a circle; staying here"))
        return state
    return enter(state, target, turn)


def _levels_up(state: InMenu, levels: int) -> MenuIndex | None:
    index: MenuIndex | None = state.at
    for _ in range(levels):
        index = None if index is None else state.tree[index].parent
        if index is None:
            return None
    return index


def hang_up(state: InMenu, turn: Turn, cause: EndCause = EndCause.HANG_UP) -> State:
    """End the call."""
    stop(state, turn)
    turn.do(EndCall(cause=cause))
    return Ending()


def on_digit(state: InMenu, digit: str, turn: Turn) -> State:
    """Interrupt the prompt, then let the digit count in the menu that its post_action leads to."""
    if state.playing is not None and state.playing.wait_for_audio:
        turn.do(Ignored("digit dropped: the prompt must be heard to its end"))
        return state
    after = _silence_for_digit(state, turn)
    menu = after.menu if isinstance(after, InMenu) else state.menu
    turn.do(
        Tell(
            DtmfDigit(
                digit,
                is_secret=menu.choices_are_pin,
                is_masked=menu.choices_are_pin and menu.mask_pin,
            )
        )
    )
    if not isinstance(after, InMenu):
        return after
    turn.visited.clear()
    return _count(after, digit, turn)


def _silence_for_digit(state: InMenu, turn: Turn) -> State:
    """Interrupt the prompt; its post_action comes first, then the digit.

    The post_action may enter a menu that has a prompt of its own. A digit wins over a prompt that
    is still being made, so that one is interrupted as well, and so on: people retype a PIN while
    "wrong code" is being said, and the menu they get back to must not talk over the rest, nor
    drop it. Every prompt is interrupted once at most, else `repeat_message` would never end.
    """
    interrupted: set[MenuIndex] = set()
    new_state: State = state
    while (
        isinstance(new_state, InMenu)
        and (playing := new_state.playing) is not None
        and new_state.at not in interrupted
    ):
        interrupted.add(new_state.at)
        turn.visited.clear()
        new_state = _after_prompt(stop(new_state, turn), playing.post_action, turn)
    return new_state


def _count(state: InMenu, digit: str, turn: Turn) -> State:
    """Add a digit to those typed, and see where they lead."""
    menu = state.menu
    typed = state.typed + digit
    choice = behind(typed, menu.choices) if menu.choices_are_pin else menu.choices.get(typed)
    if choice is not None:
        _count_pin(menu, turn, is_right=True)
        return enter(state, choice, turn)
    if menu.choices_are_pin:
        is_complete = len(typed) >= menu.longest_choice
    else:
        is_complete = typed not in menu.prefixes
    if is_complete:
        _count_pin(menu, turn, is_right=False)
    if is_complete and menu.default is not None:
        return enter(state, menu.default, turn)
    if menu.timeout_s is not None:
        turn.do(Arm(Timer.MENU, menu.timeout_s))
    return replace(state, typed="" if is_complete else typed)


def _count_pin(menu: Menu, turn: Turn, *, is_right: bool) -> None:
    if menu.choices_are_pin and menu.pin_max_attempts:
        turn.do(PinTried(is_right, menu.pin_max_attempts, menu.pin_lockout_s, menu.id))


def on_timeout(state: InMenu, turn: Turn) -> State:
    """Go where nobody typing leads."""
    menu = state.menu
    turn.do(Tell(MenuTimeout(menu.id)))
    if menu.timeout is None:
        return hang_up(state, turn)
    return enter(state, menu.timeout, turn)


def on_playback_ended(state: InMenu, playback: PlaybackId, turn: Turn) -> State:
    """Go on with the next prompt, or with the post_action after the last."""
    playing = state.playing
    if playing is None or playing.playback != playback:
        turn.do(Ignored(f"end of prompt {playback}, which was stopped already"))
        return state
    told = _played(playing.prompt)
    if told is not None:
        turn.do(Tell(told, playing.request_id))
    if playing.rest:
        following = replace(playing, prompt=playing.rest[0], rest=playing.rest[1:])
        return _play(state, following, turn)
    return _after_prompt(replace(state, playing=None), playing.post_action, turn)


def play_instead(state: InMenu, request: PlayRequested, turn: Turn) -> State:
    """Play a command's prompt in place of what is heard now.

    What was to follow the prompt follows this one instead, so that neither a hang-up after "bye"
    nor the way back from "wrong code" is lost to a message that comes in between.
    """
    inherited = state.playing.post_action if state.playing is not None else NoOp()
    playing = Playing(
        playback=PlaybackId(0),
        prompt=request.prompt,
        wait_for_audio=request.wait_for_audio,
        post_action=HangUp() if request.hang_up_after else inherited,
        request_id=request.request_id,
    )
    return _play(stop(state, turn), playing, turn)


def greet(state: InMenu, turn: Turn) -> InMenu:
    """Begin anew for somebody who has taken the call over, in the menu that it is in.

    He has not heard the prompt, and did not type what the one before him typed.
    """
    state = replace(state, typed="")
    menu, playing = state.menu, state.playing
    if state.is_bridged:
        return state
    if menu.timeout_s is not None:
        turn.do(Arm(Timer.MENU, menu.timeout_s))
    if playing is not None and playing.prompt not in menu.prompts:  # a command's
        return _play(stop(state, turn), playing, turn)
    return _play_menu_prompts(stop(state, turn), turn) if menu.prompts else state


def on_stop(state: InMenu, turn: Turn) -> State:
    """Interrupt the prompt because a command says so."""
    if state.playing is None:
        turn.do(Ignored("nothing is being played"))
        return state
    post_action = state.playing.post_action
    # Who asks for silence does not want the same prompt again.
    after = NoOp() if isinstance(post_action, Repeat) else post_action
    return _after_prompt(stop(state, turn), after, turn)


def _played(prompt: Prompt) -> CallEventBody | None:
    match prompt:
        case Message():
            return MessagePlayed(prompt.text)
        case AudioFile():
            return AudioFilePlayed(prompt.path)
        case ErrorSound():
            return None
        case _:
            assert_never(prompt)
