"""Digits that come by signalling and as tones count once."""

from __future__ import annotations

from hasip.settings.options import parse_account_options
from hasip.tones.heard import ECHO_WITHIN_S, SAME_DIGIT_WITHIN_S, HeardDigits, InbandDtmf
from support.fake_clock import FakeClock


def test_auto_listens_until_a_digit_is_signalled() -> None:
    heard = HeardDigits(FakeClock(), InbandDtmf.AUTO)

    assert not heard.wants_tones(events_agreed=True)
    assert heard.wants_tones(events_agreed=False)
    assert heard.signalled("1")
    assert not heard.wants_tones(events_agreed=False)


def test_off_and_on_do_not_depend_on_what_was_agreed() -> None:
    for agreed in (True, False):
        assert HeardDigits(FakeClock(), InbandDtmf.ON).wants_tones(events_agreed=agreed)
        assert not HeardDigits(FakeClock(), InbandDtmf.OFF).wants_tones(events_agreed=agreed)


def test_whichever_comes_second_is_dropped_and_digits_typed_twice_are_two() -> None:
    heard = HeardDigits(FakeClock(), InbandDtmf.ON)

    assert [heard.signalled("1"), heard.signalled("1")] == [True, True]
    assert [heard.tone("1"), heard.tone("1"), heard.tone("1")] == [False, False, True]
    assert [heard.signalled("1"), heard.signalled("2"), heard.tone("2")] == [False, True, False]


def test_what_comes_much_later_is_a_digit_of_its_own() -> None:
    clock = FakeClock()
    heard = HeardDigits(clock, InbandDtmf.ON)
    assert heard.signalled("5")
    clock.advance(SAME_DIGIT_WITHIN_S + 0.01)

    assert heard.tone("5")
    assert not heard.signalled("5")


def test_what_was_typed_is_known_for_as_long_as_its_echo_may_come() -> None:
    clock = FakeClock()
    heard = HeardDigits(clock, InbandDtmf.AUTO)
    heard.tone("5")
    heard.signalled("6")

    assert [heard.typed_lately(digit) for digit in "567"] == [True, True, False]
    clock.advance(ECHO_WITHIN_S + 0.01)
    assert not any(heard.typed_lately(digit) for digit in "567")


def test_the_option_has_three_words_and_is_auto_by_default() -> None:
    for word in InbandDtmf:
        assert parse_account_options(f"--inband-dtmf {word}", "X")[0].inband_dtmf is word
    options, problems = parse_account_options("--inband-dtmf maybe", "SIP1_OPTIONS")

    assert options.inband_dtmf is InbandDtmf.AUTO
    assert [str(problem) for problem in problems] == [
        'SIP1_OPTIONS: --inband-dtmf must be one of off, auto, on; got "maybe"'
    ]
