"""How a call ended, in one word for automations and in one line for people.

SIP has dozens of codes, and phone systems use them differently: 480 is "not registered" for some
and "nobody picked up" for others. What tells them apart is whether the phone rang before.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.events.model import Direction, Outcome, Side

if TYPE_CHECKING:
    from hasip.events.model import CallDisconnected

FIRST_REDIRECT = 300
FIRST_ERROR = 400
REQUEST_TERMINATED = 487

# RFC 3261 §21, RFC 8197 (607), RFC 8688 (608).
_BY_CODE: dict[int, Outcome] = {
    **dict.fromkeys((486, 600), Outcome.BUSY),
    **dict.fromkeys((603, 607, 608), Outcome.DECLINED),
    **dict.fromkeys((500, 502, 503, 504), Outcome.UNREACHABLE),
    **dict.fromkeys((404, 410, 416, 484, 485, 604), Outcome.NOT_FOUND),
    **dict.fromkeys((401, 402, 403, 407), Outcome.FORBIDDEN),
    **dict.fromkeys((406, 415, 488, 493, 494, 606), Outcome.NOT_ACCEPTABLE),
}
# These two mean that nobody picked up, or that nobody was there.
_NOBODY = frozenset({408, 480})

_SENTENCES: dict[Outcome, str] = {
    Outcome.COMPLETED: "hung up",
    Outcome.TRANSFERRED: "handed over to somebody else",
    Outcome.BUSY: "the other side is busy",
    Outcome.DECLINED: "the other side declined it",
    Outcome.NO_ANSWER: "nobody answered",
    Outcome.UNREACHABLE: "the other side or its server can't be reached",
    Outcome.NOT_FOUND: "there is no such number",
    Outcome.FORBIDDEN: "the account may not call there, or its password is wrong",
    Outcome.NOT_ACCEPTABLE: "no codec or encryption in common",
    Outcome.REDIRECTED: "the other side named another address, which was not called",
    Outcome.CANCELLED: "taken back before it was answered",
    Outcome.MISSED: "it rang here and was not answered",
    Outcome.ANSWERED_ELSEWHERE: "another phone answered it",
    Outcome.FILTERED: "not answered: the caller is not among those who may",
    Outcome.REJECTED: "refused here",
    Outcome.PIN_LOCKOUT: "too many wrong codes",
    Outcome.NO_AUDIO: "nothing was heard of the other side any more",
    Outcome.LOST: "the other side is gone",
    Outcome.FAILED: "it failed",
}


class EndCause(Enum):
    """Why we ended a call, where SIP does not say it."""

    HANG_UP = auto()  # a command, or a menu
    RING_TIMEOUT = auto()
    PIN_LOCKOUT = auto()
    NO_RTP = auto()
    TRANSFERRED = auto()
    BROKEN = auto()  # the leg can't do what it must


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """What is known of a call when it is over."""

    direction: Direction
    was_answered: bool
    has_rung: bool = False  # the other side said so; of outgoing calls
    is_filtered: bool = False  # the caller is one whom we don't answer; of incoming calls
    is_taken_elsewhere: bool = False  # another phone answered; of incoming calls
    sip_code: int
    hangup_by: Side
    cause: EndCause | None = None  # None: it was not us


def outcome_of(end: CallEnd) -> Outcome:
    """Return the word for how a call ended."""
    match end.cause:
        case EndCause.PIN_LOCKOUT:
            return Outcome.PIN_LOCKOUT
        case EndCause.NO_RTP:
            return Outcome.NO_AUDIO
        case EndCause.TRANSFERRED:
            return Outcome.TRANSFERRED
        case EndCause.BROKEN:
            return Outcome.FAILED
    if end.was_answered:
        return Outcome.COMPLETED if end.sip_code < FIRST_REDIRECT else Outcome.LOST
    if end.direction is Direction.INCOMING:
        return _of_incoming(end)
    if end.cause is EndCause.RING_TIMEOUT:
        return Outcome.NO_ANSWER
    if end.hangup_by is Side.LOCAL:
        return Outcome.CANCELLED
    return _of_response(end.sip_code, has_rung=end.has_rung)


def _of_incoming(end: CallEnd) -> Outcome:
    """Return how a call ended that we did not answer."""
    if end.hangup_by is Side.LOCAL and end.cause is not EndCause.RING_TIMEOUT:
        return Outcome.REJECTED
    if end.hangup_by is Side.REMOTE and end.sip_code != REQUEST_TERMINATED:
        return Outcome.FAILED
    if end.is_taken_elsewhere:
        return Outcome.ANSWERED_ELSEWHERE
    return Outcome.FILTERED if end.is_filtered else Outcome.MISSED


def _of_response(code: int, *, has_rung: bool) -> Outcome:
    """Return what a final response to our INVITE means."""
    if FIRST_REDIRECT <= code < FIRST_ERROR:
        return Outcome.REDIRECTED
    if code in _NOBODY:
        return Outcome.NO_ANSWER if has_rung else Outcome.UNREACHABLE
    if code == REQUEST_TERMINATED:
        return Outcome.NO_ANSWER
    return _BY_CODE.get(code, Outcome.FAILED)


def in_words(outcome: Outcome) -> str:
    """Return an outcome for people."""
    return _SENTENCES[outcome]


def describe(ended: CallDisconnected) -> str:
    """Return the line for the log."""
    said = f"{ended.sip_code} {ended.sip_reason}".strip()
    text = in_words(ended.outcome)
    if ended.outcome is Outcome.COMPLETED:
        text = f"{'we' if ended.hangup_by is Side.LOCAL else 'the other side'} {text}"
    after = f", after {ended.duration_s:.0f} s" if ended.duration_s else ""
    return f"the call ended: {text} ({ended.outcome}; {said}){after}"
