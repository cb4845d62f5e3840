"""Who is taken, who is refused, and who gets no answer any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hasip.settings.options import parse_account_options
from hasip.sip.connections import MOST_OF_ONE_SOURCE, Connections
from hasip.sip.gate import Gate
from hasip.sip.overload import LATE_S, Overload
from hasip.sip.sources import address_in, counted_as
from hasip.sip.strangers import (
    ANSWERS_TO_STRANGER,
    MOST_STRANGERS,
    MUTED_FOR_S,
    Strangers,
    Verdict,
)
from support.fake_clock import FakeClock


def make(
    clock: FakeClock, *, is_learning: bool = False, is_late: Callable[[], bool] = lambda: False
) -> Strangers:
    """Return one that knows 10.0.0.1, and takes ten calls a second."""
    return Strangers(
        clock,
        accepts=lambda source: source in ("10.0.0.1", "10.0.0.2") or source.startswith("fd"),
        is_learning=lambda: is_learning,
        is_late=is_late,
        calls_per_s=10,
        calls_at_once=10,
    )


def test_a_stranger_gets_some_answers_then_none_until_he_is_quiet_for_a_while() -> None:
    clock = FakeClock()
    strangers = make(clock)

    verdicts = [strangers.judge("REGISTER", "6.6.6.6") for _ in range(ANSWERS_TO_STRANGER + 2)]
    assert verdicts == [Verdict.REFUSE] * ANSWERS_TO_STRANGER + [Verdict.DROP] * 2
    assert strangers.judge("INVITE", "7.7.7.7") is Verdict.REFUSE
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    clock.advance(MUTED_FOR_S + 1)
    assert strangers.judge("INVITE", "6.6.6.6") is Verdict.REFUSE


def test_forged_sources_make_us_answer_little_and_remember_little() -> None:
    strangers = make(FakeClock())

    verdicts = [strangers.judge("OPTIONS", f"6.6.{n % 256}.{n // 256}") for n in range(20_000)]
    assert verdicts.count(Verdict.REFUSE) == 20
    assert len(strangers._seen) == MOST_STRANGERS
    assert strangers.refused == 20_000


def test_calls_that_come_too_fast_are_refused_and_one_source_leaves_room_for_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    strangers = make(clock)

    verdicts = [strangers.judge("INVITE", "10.0.0.1") for _ in range(12)]
    assert verdicts == [Verdict.PASS] * 7 + [Verdict.BUSY] * 5
    assert strangers.judge("OPTIONS", "10.0.0.1") is Verdict.PASS
    verdicts = [strangers.judge("INVITE", "10.0.0.2") for _ in range(5)]
    assert verdicts == [Verdict.PASS] * 3 + [Verdict.BUSY] * 2
    clock.advance(0.2)
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    clock.advance(2)
    verdicts = [strangers.judge("INVITE", f"fd00::{n}") for n in range(9)]
    assert verdicts == [Verdict.PASS] * 7 + [Verdict.BUSY] * 2
    for _ in range(2):
        strangers.report()
    said = [line for line in caplog.messages if "In the last minute" in line]
    assert len(said) == 1
    assert "9 that came too fast, 0 since this machine was late" in said[0]


def test_no_more_calls_are_let_in_while_the_loop_is_late() -> None:
    clock, mailbox = FakeClock(), list[Callable[[], None]]()
    strangers = make(clock, is_late=Overload(clock, mailbox.append).ask)

    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    clock.advance(LATE_S / 2)
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    clock.advance(LATE_S)
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.BUSY
    assert strangers.judge("OPTIONS", "10.0.0.1") is Verdict.PASS
    assert len(mailbox) == 1
    mailbox.pop()()
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    assert len(mailbox) == 1


def test_calls_that_a_late_machine_refuses_take_nothing_of_what_may_come_and_are_told_as_such(
    caplog: pytest.LogCaptureFixture,
) -> None:
    late = [True]
    strangers = make(FakeClock(), is_late=lambda: late[0])

    assert {strangers.judge("INVITE", "10.0.0.1") for _ in range(20)} == {Verdict.BUSY}
    late[0] = False
    assert [strangers.judge("INVITE", "10.0.0.1") for _ in range(7)] == [Verdict.PASS] * 7
    for _ in range(2):  # it is said again if it has been over for a minute
        strangers.report()
    late[0] = True
    for _ in range(2):
        strangers.judge("INVITE", "10.0.0.1")
    first, report, again = caplog.messages
    assert first == again
    assert "New calls get 503: this machine can't keep up with those it has" in first
    assert "0 that came too fast, 20 since this machine was late" in report


def test_other_requests_of_those_who_are_taken_have_a_limit_too() -> None:
    clock = FakeClock()
    strangers = make(clock)

    verdicts = [strangers.judge("REGISTER", "10.0.0.1") for _ in range(500)]
    assert verdicts == [Verdict.PASS] * 100 + [Verdict.BUSY] * 400
    clock.advance(1)
    assert strangers.judge("OPTIONS", "10.0.0.1") is Verdict.PASS


def test_what_belongs_to_no_call_has_a_limit_and_strangers_learn_nothing_by_it() -> None:
    clock = FakeClock()
    strangers = make(clock)

    verdicts = [strangers.judge_stray("BYE", "10.0.0.1") for _ in range(500)]
    assert verdicts == [Verdict.PASS] * 200 + [Verdict.DROP] * 300
    assert strangers.judge("INVITE", "10.0.0.1") is Verdict.PASS
    verdicts = [strangers.judge_stray("BYE", "6.6.6.6") for _ in range(ANSWERS_TO_STRANGER + 2)]
    assert verdicts == [Verdict.REFUSE] * ANSWERS_TO_STRANGER + [Verdict.DROP] * 2
    assert strangers.judge_stray("ACK", "7.7.7.7") is Verdict.DROP
    clock.advance(1)
    assert strangers.judge_stray("CANCEL", "10.0.0.1") is Verdict.PASS


def test_while_names_are_being_resolved_nobody_is_refused_or_counted() -> None:
    strangers = make(FakeClock(), is_learning=True)

    assert strangers.judge("INVITE", "6.6.6.6") is Verdict.DROP
    assert strangers.judge_stray("BYE", "6.6.6.6") is Verdict.DROP
    assert strangers.refused == 0


@pytest.mark.parametrize(
    ("source", "address"),
    [("1.2.3.4:5060", "1.2.3.4"), ("[::1]:5060", "::1"), ("::1", "::1"), ("1.2.3.4", "1.2.3.4")],
)
def test_an_address_is_read_with_or_without_its_port(source: str, address: str) -> None:
    assert address_in(source) == address


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        *(("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("fd00::a", "fd00::/64")),
        *(("1.2.3.4", "1.2.3.4"), ("::ffff:1.2.3.4", "1.2.3.4"), ("::1", "::1")),
        *(("fe80::1%eth0", "fe80::1%eth0"), ("an unknown address", "an unknown address")),
    ],
)
def test_what_counts_as_one_source(source: str, counted: str) -> None:
    assert counted_as(source) == counted


def test_a_house_with_ipv6_is_one_source_whichever_of_its_addresses_it_takes() -> None:
    clock = FakeClock()
    strangers = make(clock)
    house = [f"2001:db8::{number:x}" for number in range(MOST_OF_ONE_SOURCE + 1)]

    verdicts = [strangers.judge("OPTIONS", house[n % 5]) for n in range(ANSWERS_TO_STRANGER + 2)]
    assert verdicts == [Verdict.REFUSE] * ANSWERS_TO_STRANGER + [Verdict.DROP] * 2
    assert strangers.judge("OPTIONS", "2001:db8:0:1::1") is Verdict.REFUSE
    closed: list[int] = []
    connections = Connections(clock, Gate(0), closed.append, lambda _: None)
    for number, address in enumerate(house):
        connections.came(number, address, is_tls=False)
    assert closed == [MOST_OF_ONE_SOURCE]


def test_accept_from_says_what_it_takes() -> None:
    options, problems = parse_account_options("--accept-from registrar,10.0.0.0/8,Door,::1", "o")
    assert (options.accept_from, problems) == (("registrar", "10.0.0.0/8", "door", "::1"), ())
    for wrong in ("10.0.0.300", "a/b", "''"):
        (problem,) = parse_account_options(f"--accept-from {wrong}", "o")[1]
        assert "must be addresses, networks (10.0.0.0/8), host names" in str(problem)
