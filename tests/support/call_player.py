"""Drives the call machine in unit tests: inputs in, effects out, with a look at what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hasip.calls import machine
from hasip.calls.call_state import (
    Arm,
    Cancel,
    Connected,
    Digit,
    Effect,
    EndCall,
    InMenu,
    Input,
    Plan,
    Play,
    PlaybackEnded,
    RunAction,
    State,
    StopPlaying,
    Tell,
    Timer,
    TimerFired,
)
from hasip.calls.prompt import Message
from hasip.events.model import EnteredMenu

if TYPE_CHECKING:
    import builtins

    from hasip.calls.menu import MenuTree

E = TypeVar("E")


class CallPlayer:
    """One call's machine; keeps the books that a session would keep."""

    def __init__(self, tree: MenuTree, *, settle_time_s: float = 0.0) -> None:
        self.effects: list[Effect] = []
        self.timers: dict[Timer, float] = {}
        self.playing: Play | None = None
        self.state: State
        self.state, effects = machine.outgoing(Plan(tree, settle_time_s), 60.0)
        self._take(effects)

    def feed(self, *inputs: Input) -> list[Effect]:
        """Take inputs, one after the other; returns the effects of all."""
        before = len(self.effects)
        for event in inputs:
            self.state, effects = machine.step(self.state, event)
            self._take(effects)
        return self.effects[before:]

    def connect(self) -> list[Effect]:
        """Let the call come up."""
        return self.feed(Connected())

    def type(self, digits: str) -> list[Effect]:
        """Type digits."""
        return self.feed(*map(Digit, digits))

    def hear_out(self) -> list[Effect]:
        """Hear the current prompt to its end."""
        assert self.playing is not None, "nothing is being played"
        return self.feed(PlaybackEnded(self.playing.playback))

    def wait(self, timer: Timer) -> list[Effect]:
        """Let a timer run out, which must be armed."""
        del self.timers[timer]
        return self.feed(TimerFired(timer))

    @property
    def menu_id(self) -> str | None:
        """Return the id of the menu that the call is in."""
        return self.state.menu.id if isinstance(self.state, InMenu) else None

    @property
    def text(self) -> str | None:
        """Return the message that is being said."""
        prompt = self.playing.prompt if self.playing is not None else None
        return prompt.text if isinstance(prompt, Message) else None

    @property
    def entered(self) -> list[str]:
        """Return the ids of the menus that were entered."""
        return [what.menu_id for what in self.told if isinstance(what, EnteredMenu)]

    @property
    def told(self) -> list[object]:
        """Return all events."""
        return [effect.what for effect in self.effects if isinstance(effect, Tell)]

    @property
    def actions(self) -> list[object]:
        """Return all actions that were run."""
        return [effect.action for effect in self.effects if isinstance(effect, RunAction)]

    def effects_of(self, kind: builtins.type[E]) -> list[E]:
        """Return all effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def is_hung_up(self) -> bool:
        """Tell whether the machine ended the call."""
        return any(isinstance(effect, EndCall) for effect in self.effects)

    def _take(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case Arm(timer, delay_s):
                    self.timers[timer] = delay_s
                case Cancel(timer):
                    self.timers.pop(timer, None)
                case Play():
                    assert self.playing is None, "two prompts at once"
                    self.playing = effect
                case StopPlaying(playback):
                    assert self.playing is not None, "stopped what is not being played"
                    assert self.playing.playback == playback
                    self.playing = None
                case Tell(what) if getattr(what, "name", "") == "playback_done":
                    self.playing = None
                case _:
                    pass
