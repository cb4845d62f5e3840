"""Calls a number that the user gave: does it ring, is it answered, does audio come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.calls.outcome import CallEnd, in_words, outcome_of
from hasip.doctor.hints import NO_AUDIO_HINT, call_hint
from hasip.doctor.turning import turn_until
from hasip.errors import SipError
from hasip.events.model import Direction, Outcome, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasip.doctor.report import Report
    from hasip.events.model import Takeover
    from hasip.loop import Loop
    from hasip.sip.account import SipAccount
    from hasip.sip.call import SipLeg
    from hasip.sip.call_audio import AudioFacts

RINGS_WITHIN_S = 15.0
ANSWERED_WITHIN_S = 45.0
LISTENS_S = 5.0
ENOUGH_PACKETS = 25  # half a second
ENDED_WITHIN_S = 5.0
# The phone works, and whoever is there said no, or nobody was.
REACHED = frozenset({Outcome.BUSY, Outcome.DECLINED, Outcome.NO_ANSWER})


class _Watcher:
    """Takes note of what happens on the leg."""

    def __init__(self) -> None:
        self.has_rung = False
        self.is_up = False
        self.end: tuple[int, str, Side] | None = None

    @property
    def is_over(self) -> bool:
        return self.end is not None

    def on_ringing(self) -> None:
        self.has_rung = True

    def on_connected(self) -> None:
        self.is_up = True

    def on_disconnected(self, sip_code: int, sip_reason: str, hangup_by: Side) -> None:
        self.end = sip_code, sip_reason, hangup_by

    def on_digit(self, digit: str) -> None:
        """Nothing is to be typed."""

    def on_headers(self, headers: Mapping[str, str | None]) -> None:
        """They are not looked at."""

    def on_peer_changed(self, how: Takeover) -> None:
        """Take no note: the call goes on."""

    def on_transfer(self, sip_code: int, sip_reason: str, *, is_final: bool) -> None:
        """We transfer nobody."""

    def on_taken_elsewhere(self) -> None:
        """Of incoming calls only."""

    def on_audio_lost(self, silent_s: float) -> None:
        """Take no note: it is counted here."""


def check_call(report: Report, loop: Loop, line: SipAccount, number: str) -> None:
    """Call, listen a moment, hang up; a line a step."""
    watcher = _Watcher()
    try:
        leg = line.place_call(number)
    except SipError as error:
        report.fail("call", str(error), "check the number: digits, or sip:NUMBER@DOMAIN")
        return
    leg.attach(watcher)
    turn_until(loop, lambda: watcher.has_rung or watcher.is_up or watcher.is_over, RINGS_WITHIN_S)
    if watcher.has_rung and not watcher.is_over:
        report.ok("call", f"{number} rings; please pick up")
        turn_until(loop, lambda: watcher.is_up or watcher.is_over, ANSWERED_WITHIN_S)
    if watcher.is_up and not watcher.is_over:
        report.ok("call", f"{number} answered")
        _listen(report, loop, leg, watcher)
    elif watcher.end is not None:
        _say_end(report, number, watcher, watcher.end)
    else:
        text = "nobody answered" if watcher.has_rung else "nothing came back"
        hint = call_hint(Outcome.NO_ANSWER if watcher.has_rung else Outcome.UNREACHABLE)
        (report.warn if watcher.has_rung else report.fail)("call", text, hint)
    _hang_up(report, loop, leg, watcher)


def _say_end(report: Report, number: str, watcher: _Watcher, end: tuple[int, str, Side]) -> None:
    code, reason, by = end
    outcome = outcome_of(
        CallEnd(
            direction=Direction.OUTGOING,
            was_answered=watcher.is_up,
            has_rung=watcher.has_rung,
            sip_code=code,
            hangup_by=by,
        )
    )
    text = f"{number}: {in_words(outcome)} ({code} {reason})"
    tell = report.warn if outcome in REACHED else report.fail
    tell("call", text, call_hint(outcome))


def _listen(report: Report, loop: Loop, leg: SipLeg, watcher: _Watcher) -> None:
    facts: list[AudioFacts] = []

    def enough() -> bool:
        now = leg.audio_facts()
        if now is not None:
            facts[:] = [now]
        return watcher.is_over or bool(facts and facts[0].packets_received >= ENOUGH_PACKETS)

    turn_until(loop, enough, LISTENS_S)
    if not facts:
        report.fail("audio", "the call has none", call_hint(Outcome.NOT_ACCEPTABLE))
        return
    heard = facts[0]
    counts = f"{heard.packets_received} packets came, {heard.packets_sent} were sent"
    if heard.packets_received:
        report.ok("audio", f"{heard.codec}, {counts}")
    else:
        report.fail("audio", f"{heard.codec}, {counts}", NO_AUDIO_HINT)


def _hang_up(report: Report, loop: Loop, leg: SipLeg, watcher: _Watcher) -> None:
    if watcher.is_over:
        return
    try:
        leg.hang_up()
    except SipError as error:
        report.warn("hang up", str(error), "hang up on the other side")
        return
    was_up = watcher.is_up
    if turn_until(loop, lambda: watcher.is_over, ENDED_WITHIN_S) and was_up:
        report.ok("hang up", "the call has ended")
