"""Decides about requests that belong to no call, by who sends them and how many there are.

Scanners try thousands of names. A stranger gets 403 a few times, whatever name he tries, then no
answer for a while; he is told in the log once, and how many requests there were once a minute.
Nobody, known or not, may start calls faster than pjsip can take them, nor one source so many that
nothing is left for the others. Nothing here knows pjsip; its threads ask, so nothing here waits.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from enum import Enum, auto
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.sip.sources import counted_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.clock import Clock

_log = logging.getLogger(__name__)

ANSWERS_TO_STRANGER = 5  # then he is not answered
MUTED_FOR_S = 600.0  # after his last request
MOST_STRANGERS = 10_000  # remembered; the one not heard of for longest is forgotten
# Sources of UDP can be forged: we must not send much to whomever somebody names.
ANSWERS_PER_S = 20.0
# Requests other than INVITE of those who are taken, such as OPTIONS that ask whether we are there.
OTHERS_PER_S = 50.0
# Those of them that belong to no call: after a restart, the ends of the calls before it.
STRAYS_PER_S = 20.0
STRAYS_AT_ONCE = 200.0
# What one source may have of the calls a second.
SHARE_OF_SOURCE = 0.75
MOST_SOURCES = 1_000
REPORT_EVERY_S = 60.0
LINES_PER_S = 0.2
MOST_LINES_AT_ONCE = 20.0


class Verdict(Enum):
    """What becomes of a request."""

    PASS = auto()
    REFUSE = auto()  # 403
    BUSY = auto()  # 503
    DROP = auto()  # no answer


class Bucket:
    """Lets so many through a second, and some at once."""

    def __init__(self, clock: Clock, per_s: float, at_once: float) -> None:
        self._clock = clock
        self._per_s = per_s
        self._most = self._left = at_once
        self._filled_at = clock.now()

    def take(self) -> bool:
        """Tell whether one more may go through."""
        now = self._clock.now()
        self._left = min(self._most, self._left + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True)
class _Stranger:
    requests: int = 0
    last_at: float = 0.0


class Strangers:
    """The decision, and what it remembers."""

    def __init__(
        self,
        clock: Clock,
        *,
        accepts: Callable[[str], bool],
        is_learning: Callable[[], bool],
        is_late: Callable[[], bool],
        calls_per_s: float,
        calls_at_once: float,
    ) -> None:
        self._clock = clock
        self._accepts = accepts
        self._is_learning = is_learning
        self._is_late = is_late
        self._calls = Bucket(clock, calls_per_s, calls_at_once)
        self._others = Bucket(clock, OTHERS_PER_S, 2 * OTHERS_PER_S)
        self._strays = Bucket(clock, STRAYS_PER_S, STRAYS_AT_ONCE)
        self._share = calls_per_s * SHARE_OF_SOURCE, calls_at_once * SHARE_OF_SOURCE
        self._shares: OrderedDict[str, Bucket] = OrderedDict()
        self._answers = Bucket(clock, ANSWERS_PER_S, ANSWERS_PER_S)
        # Each begins with a line at once; the lines of every minute say how it goes on.
        self._has_said_too_many = self._has_said_late = False
        self._lines = Bucket(clock, LINES_PER_S, MOST_LINES_AT_ONCE)
        self._seen: OrderedDict[str, _Stranger] = OrderedDict()
        self.refused = 0  # requests of strangers, answered or not
        self.too_many = 0  # calls that came too fast
        self.while_late = 0  # calls that came while this machine could not keep up
        self.too_many_others = 0  # other requests that did
        self.too_many_strays = 0  # requests that belong to no call, not answered
        self._reported = self._counts

    def judge(self, method: str, source: str) -> Verdict:
        """Decide about a request outside of any call."""
        if self._accepts(source):
            return self._judge_taken(method, source)
        if self._is_learning():
            # The registrar may call while its name is still being resolved; it will try again.
            return Verdict.DROP
        return self._judge_stranger(method, source)

    def judge_stray(self, method: str, source: str) -> Verdict:
        """Decide about a request that says it belongs to a call, and there is none.

        pjsip answers it, or drops it: so nothing more is known by it than by any other request.
        """
        if self._accepts(source):
            if self._strays.take():
                return Verdict.PASS
            self.too_many_strays += 1
            return Verdict.DROP
        if self._is_learning():
            return Verdict.DROP
        verdict = self._judge_stranger(method, source)
        return Verdict.DROP if method == "ACK" else verdict  # RFC 3261 §17.1.1.3: it gets no answer

    @property
    def _counts(self) -> tuple[int, ...]:
        return (
            self.refused,
            self.too_many,
            self.while_late,
            self.too_many_others,
            self.too_many_strays,
        )

    def report(self) -> None:
        """Say in one line what came since the last time, if anything did; called once a minute."""
        now = self._counts
        since = tuple(new - old for new, old in zip(now, self._reported, strict=True))
        self._reported = now
        _, too_many, while_late, *_ = since
        self._has_said_too_many, self._has_said_late = too_many > 0, while_late > 0
        if any(since):
            _log.warning(
                "In the last minute %d requests of strangers were refused or not answered; calls "
                "got 503: %d that came too fast, %d since this machine was late; %d other requests "
                "that came too fast did; %d that belong to no call were not answered",
                *since,
            )

    def _judge_taken(self, method: str, source: str) -> Verdict:
        if method != "INVITE":
            if self._others.take():
                return Verdict.PASS
            self.too_many_others += 1
            return Verdict.BUSY
        if self._is_late():
            self.while_late += 1
            if not self._has_said_late:
                self._has_said_late = True
                self._say(
                    "New calls get 503: this machine can't keep up with those it has; see what "
                    "else takes its processor's time"
                )
            return Verdict.BUSY
        who = counted_as(source)
        share = self._shares.pop(who, None) or Bucket(self._clock, *self._share)
        self._shares[who] = share
        while len(self._shares) > MOST_SOURCES:
            self._shares.popitem(last=False)
        if share.take() and self._calls.take():
            return Verdict.PASS
        self.too_many += 1
        if not self._has_said_too_many:
            self._has_said_too_many = True
            self._say("New calls get 503: they come faster than they can be taken")
        return Verdict.BUSY

    def _judge_stranger(self, method: str, source: str) -> Verdict:
        self.refused += 1
        now = self._clock.now()
        who = counted_as(source)
        stranger = self._seen.pop(who, None)
        if stranger is None or now - stranger.last_at > MUTED_FOR_S:
            stranger = _Stranger()
        self._seen[who] = stranger
        while len(self._seen) > MOST_STRANGERS:
            self._seen.popitem(last=False)
        stranger.requests += 1
        stranger.last_at = now
        if stranger.requests == 1:
            self._say(
                "%s from %s was refused: no account takes calls from there; if it should, add the "
                "address to --accept-from of an account (%d requests of strangers so far)",
                method,
                source,
                self.refused,
            )
        if stranger.requests <= ANSWERS_TO_STRANGER and self._answers.take():
            return Verdict.REFUSE
        return Verdict.DROP

    def _say(self, text: str, *values: object) -> None:
        if self._lines.take():
            _log.warning(text, *values)
