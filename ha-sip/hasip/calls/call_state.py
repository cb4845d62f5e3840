"""The words of the call machine: what comes in, what goes out, and the states between.

`machine.py` draws the states and says how they follow each other.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum, auto
from typing import TYPE_CHECKING, NewType

from hasip.calls.menu import NoOp
from hasip.calls.outcome import EndCause
from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from hasip.calls.menu import Menu, MenuIndex, MenuTree, PostAction
    from hasip.calls.prompt import Prompt
    from hasip.commands.model import CallCommand, Command
    from hasip.events.model import CallEventBody

PlaybackId = NewType("PlaybackId", int)


class Timer(Enum):
    """The timers of a call; each exists at most once."""

    RING = auto()
    ANSWER_AFTER = auto()
    SETTLE = auto()
    MENU = auto()


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The SIP dialog is confirmed."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The SIP dialog is over."""


@dataclass(frozen=True, slots=True)
class Digit:
    """The peer typed a digit: one of 0-9 * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer ran out."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A prompt was played to its end."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRequested:
    """A command wants a prompt to be played."""

    prompt: Prompt
    wait_for_audio: bool = False
    hang_up_after: bool = False
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A command wants silence."""

    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class WhenUp:
    """A command for the call beside its menus: digits, transfer, bridge, recording."""

    command: CallCommand


@dataclass(frozen=True, slots=True)
class BridgeChanged:
    """The call was bridged with the first other one, or parted from the last."""

    is_bridged: bool


@dataclass(frozen=True, slots=True)
class PeerChanged:
    """The call goes on with somebody else, who has heard nothing yet."""


@dataclass(frozen=True, slots=True)
class AudioLost:
    """Nothing is heard of the peer any more, not even silence."""


@dataclass(frozen=True, slots=True)
class PinLocked:
    """The caller has guessed too often, in this call or in another one."""

    lockout_s: float


@dataclass(frozen=True, slots=True)
class AnswerRequested:
    """A command wants the call answered; with a menu, that one is entered."""

    tree: MenuTree | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """A command wants the call ended; the code is for a call that is not answered yet."""

    sip_code: int | None = None
    cause: EndCause = EndCause.HANG_UP


Input = (
    Connected
    | Disconnected
    | Digit
    | TimerFired
    | PlaybackEnded
    | PlayRequested
    | StopRequested
    | WhenUp
    | BridgeChanged
    | PeerChanged
    | AudioLost
    | PinLocked
    | AnswerRequested
    | HangupRequested
)


# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Send 200 to the INVITE."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """Send BYE, CANCEL, or a final response: the code if there is one."""

    sip_code: int | None = None
    cause: EndCause = EndCause.HANG_UP


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have these prompts ready soon."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Play:
    """Play a prompt, as soon as it is ready; `PlaybackEnded` follows."""

    playback: PlaybackId
    prompt: Prompt
    following: tuple[Prompt, ...] = ()  # to be made ready meanwhile


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Stop a prompt, or never start it; no `PlaybackEnded` follows."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True)
class RunAction:
    """Carry out a menu's action."""

    action: Command


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do what a command wants of the call beside its menus."""

    request: WhenUp


@dataclass(frozen=True, slots=True)
class PinTried:
    """Count a code that was typed; `PinLocked` follows where it was one too many."""

    is_right: bool
    max_attempts: int
    lockout_s: float
    menu_id: str | None  # of the menu that asked for it


@dataclass(frozen=True, slots=True)
class Arm:
    """Start a timer, anew if it runs already."""

    timer: Timer
    delay_s: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a timer."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Tell:
    """Send an event."""

    what: CallEventBody
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell that a command can't be done."""

    request: Input
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Log that an input had no effect, and why."""

    reason: str


Effect = (
    AnswerCall
    | EndCall
    | Prepare
    | Play
    | StopPlaying
    | RunAction
    | CarryOut
    | PinTried
    | Arm
    | Cancel
    | Tell
    | Refuse
    | Ignored
)


# --- states ---------------------------------------------------------------------------------

# What may wait until the call is settled.
Early = Digit | PlayRequested | WhenUp


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call is for: its menus, and the pause before the first."""

    tree: MenuTree
    settle_time_s: float


@dataclass(frozen=True, slots=True)
class Dialing:
    """Our INVITE has no final response yet."""

    plan: Plan
    early: tuple[Early, ...] = ()


@dataclass(frozen=True, slots=True)
class Ringing:
    """An INVITE that we have not answered."""

    plan: Plan
    answers_itself: bool = False


@dataclass(frozen=True, slots=True)
class Answering:
    """Our 200 is on its way; the ACK is still to come."""

    plan: Plan
    early: tuple[Early, ...] = ()


@dataclass(frozen=True, slots=True)
class Settling:
    """The call is up; the settle time passes."""

    plan: Plan
    early: tuple[Early, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """A prompt that is being made or heard."""

    playback: PlaybackId
    prompt: Prompt
    rest: tuple[Prompt, ...] = ()  # what follows it
    wait_for_audio: bool = False
    post_action: PostAction = field(default_factory=NoOp)
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InMenu:
    """The call is settled."""

    tree: MenuTree
    at: MenuIndex
    typed: str = ""
    playing: Playing | None = None
    last_playback: PlaybackId = PlaybackId(0)
    # People talk to each other: the menu's timeout must not end that.
    is_bridged: bool = False

    @property
    def menu(self) -> Menu:
        """Return the menu that the call is in."""
        return self.tree[self.at]


@dataclass(frozen=True, slots=True)
class Ending:
    """The end is on its way."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""


State = Dialing | Ringing | Answering | Settling | InMenu | Ending | Ended
