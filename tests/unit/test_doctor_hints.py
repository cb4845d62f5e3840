"""What the doctor advises, by what the other side said."""

from __future__ import annotations

import threading
import time

import pytest

from hasip.doctor.hints import Names, call_hint, registration_hint
from hasip.doctor.report import Report, TooSlowError, within
from hasip.events.model import Outcome
from hasip.settings.model import Account


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (401, "SIP2_USER_NAME or SIP2_PASSWORD is wrong"),
        (403, "SIP2_PASSWORD"),
        (404, "SIP2_ID_URI"),
        (408, ";transport=tcp"),
        (503, "connection"),
        (500, "try later"),
        (0, "SIP2_REGISTRAR_URI"),
        (480, "SIP2_REGISTRAR_URI"),
    ],
)
def test_every_refused_registration_names_the_setting_or_the_cause(code: int, says: str) -> None:
    account = Account(number=2, id_uri="sip:a@b", registrar_uri="sip:b")

    assert says in registration_hint(code, account, Names(account, is_addon=False))


def test_in_the_addon_settings_are_called_as_there() -> None:
    account = Account(number=2, id_uri="sip:a@b")

    assert "password of account 2" in registration_hint(403, account, Names(account, is_addon=True))


def test_every_end_of_a_call_has_a_hint() -> None:
    assert all(call_hint(outcome) for outcome in Outcome)
    assert "sip:NUMBER@DOMAIN" in call_hint(Outcome.NOT_FOUND)


def test_a_report_is_a_line_a_step_whatever_a_peer_says() -> None:
    lines: list[str] = []
    report = Report(lines.append)
    report.ok("a", "well")
    report.warn("b", "so so", "look")
    report.fail("c", "first\nsecond \x1b[31m", "do it")
    report.close()

    assert lines[:2] == ["  ok    a: well", "  warn  b: so so; look"]
    assert lines[2] == r"  FAIL  c: first second \x1b[31m; do it"
    assert (report.failures, report.warnings) == (1, 1)


def test_a_step_that_hangs_is_given_up() -> None:
    never = threading.Event()
    began = time.monotonic()
    with pytest.raises(TooSlowError, match="within 0 s"):
        within(0.05, lambda: never.wait(30))

    assert time.monotonic() - began < 5
    never.set()
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
