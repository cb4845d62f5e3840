"""From and To as they were received."""

from __future__ import annotations

import time

import pytest

from hasip.calls.uri import has_scheme, host_of, parse_number, who
from hasip.sip.received import (
    LONGEST_VALUE,
    clean,
    digit_of_info,
    extract_headers,
    header_value,
    is_taken_elsewhere,
    party,
    sent_by,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("From: <sip:5551234456@fritz.box>;tag=1", "<sip:5551234456@fritz.box>"),
        ('f: "Tag; =x" <sip:a@b:5070;x=1>;tag=1;y=2', '"Tag; =x" <sip:a@b:5070;x=1>;y=2'),
        ("FROM : sip:a@b;tag=77", "sip:a@b"),
        ('From: "A\r\n  B" <sip:a@b>\r\n\t;tag=5', '"A B" <sip:a@b>'),
    ],
)
def test_from_keeps_its_form_without_the_tag(line: str, expected: str) -> None:
    message = f"INVITE sip:x SIP/2.0\r\nTo: <sip:y@z>\r\n{line}\r\n\r\nFrom: body"

    assert party(message, "From") == expected
    assert header_value(message, "X-None") is None


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("<sip:5551234456@fritz.box>", "5551234456"),
        ('"Me" <sips:+49123;x=y@h>', "+49123"),
        ("sip:**620@fritz.box", "**620"),
        ("sip:10.0.0.1", "10.0.0.1"),
        ("<tel:+49-30-123;phone-context=x>", "+49-30-123"),
        ("5551234", "5551234"),
        # What a display name says is not who calls.
        ('"sip:5551234456@fritz.box" <sip:thief@h>', "thief"),
        ('"<sip:5551234456@fritz.box>" <sip:thief@h>', "thief"),
        (r'"a\" <sip:555@h>" <sip:thief@h>', "thief"),
        ('"sip:5551234456@fritz.box <sip:thief@h>', "thief"),
        ("sip:555@h <sip:thief@h>", "thief"),
        ('"x" <sip:thief@h>;p="<sip:555@h>"', "thief"),
    ],
)
def test_the_number_is_what_stands_after_the_scheme(uri: str, number: str) -> None:
    assert parse_number(uri) == number


def test_a_long_number_that_a_caller_chose_takes_linear_time() -> None:
    number = "1" * 100_000 + "x"
    started = time.monotonic()

    assert who(f"sip:{number}@h") == number
    # It takes milliseconds; with two ways to match each digit it took minutes.
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *(
            ("<sip:5551234@h>", "5551234"),
            ("5551234", "5551234"),
            ("sip:%35551%32%334@h", "5551234"),
        ),
        *(("sip:%2B49123@h", "+49123"), ("<tel:+49-(30)-12.3>", "+4930123")),
        *(("sip:+49-(30)-123;phone-context=x@h", "+4930123"), ("sips:555:secret@h", "555")),
        *(("sip:555;isub=1@h", "555"), ("SIP:Bob@h", "Bob"), ("sip:b.o-b@h", "b.o-b")),
        # Once is all: this is another name than 5.
        *(("sip:%2535@h", "%35"), ("sip:%zz@h", "%zz"), ("sip:%ff@h", "\N{REPLACEMENT CHARACTER}")),
        *(("sip:10.0.0.1:5060", "10.0.0.1:5060"), ("sip:@h", ""), ("sip:()@h", "()")),
    ],
)
def test_numbers_are_compared_in_one_form(written: str, number: str) -> None:
    assert who(written) == number


@pytest.mark.parametrize("long", ["n" * 5_000, "sip:555@h" * 600, '\\"' * 2_000, "\udcff" * 1_000])
def test_a_long_display_name_hides_no_number_and_is_left_out(long: str) -> None:
    message = f'INVITE sip:x SIP/2.0\r\nFrom: "{long}" <sip:thief@h>;tag=1\r\n\r\n'

    assert party(message, "From") == "<sip:thief@h>"


def test_what_a_peer_writes_is_text_and_bounded() -> None:
    message = (
        f"INVITE sip:x SIP/2.0\r\nFrom: <sip:{'u' * 5_000}@h>\r\nNote: \udcff{'x' * 5_000}\r\n\r\n"
    )

    assert len(party(message, "From") or "") == LONGEST_VALUE
    value = extract_headers(message, ["note"])["note"]
    assert value == f"\N{REPLACEMENT CHARACTER}{'x' * (LONGEST_VALUE - 1)}"


@pytest.mark.parametrize("written", ["{{ 7 * 7 }}", "{% x %}", "{# x #}", "{{{{", "{ {{%"])
def test_what_a_peer_writes_begins_no_template(written: str) -> None:
    message = (
        f'INVITE sip:x SIP/2.0\r\nFrom: "{written}" <sip:a@h>;tag=1\r\nNote: {written}\r\n\r\n'
    )

    told = [party(message, "From"), extract_headers(message, ["note"])["note"], clean(written)]
    for text in told:
        assert text is not None
        assert not any(begin in text for begin in ("{{", "{%", "{#"))
    assert clean('{"a": {"b": "}}"}} {x}') == '{"a": {"b": "}}"}} {x}'


def test_hosts_and_schemes() -> None:
    assert host_of("sip:a@fritz.box:5070;transport=tcp") == "fritz.box:5070"
    assert host_of("5551234") is None
    assert has_scheme('"A B" <sip:a@b>')
    assert has_scheme("tel:+49123")
    assert not has_scheme("**620")


@pytest.mark.parametrize(
    ("via", "transport"),
    [
        ("Via: SIP/2.0/TLS 10.0.0.1:5061;branch=z", "TLS"),
        ("v: SIP / 2.0 / tcp 10.0.0.1;branch=z", "TCP"),
        ("X: y", None),
    ],
)
def test_the_transport_that_a_response_came_by(via: str, transport: str | None) -> None:
    assert sent_by(f"SIP/2.0 200 OK\r\n{via}\r\n\r\n") == transport


@pytest.mark.parametrize(
    ("reason", "is_taken"),
    [
        ('Reason: SIP;cause=200;text="Call completed elsewhere"', True),
        ('reason: sip ; text="Call completed elsewhere" ; cause = 200', True),
        ("Reason: Q.850;cause=26", True),
        ("Reason: Q.850;cause=16, SIP;cause=200", True),
        ("Reason: Q.850;cause=16\r\nReason: SIP;cause=200", True),
        ('Reason: SIP;cause=487;text="ORIGINATOR_CANCEL"', False),
        ("Reason: SIP;cause=2000", False),
        ("Reason: Q.850;cause=200", False),
        ("X-Reason: SIP;cause=200", False),
        ("Subject: SIP;cause=200", False),
    ],
)
def test_a_call_that_another_phone_took(reason: str, is_taken: bool) -> None:  # noqa: FBT001
    cancel = f"CANCEL sip:a@b SIP/2.0\r\n{reason}\r\n\r\n"
    assert is_taken_elsewhere(cancel) is is_taken


def test_a_name_that_is_no_utf8_or_far_too_long_does_not_spoil_events() -> None:
    odd = 'INVITE sip:a@b SIP/2.0\r\nFrom: "M\udcfcller' + "x" * 4_000 + '" <sip:a@b>;tag=1\r\n\r\n'

    assert party(odd, "From") == "<sip:a@b>"
    short = party(odd.replace("x" * 4_000, ""), "From") or ""
    assert short == '"M\ufffdller" <sip:a@b>'
    short.encode()


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf", "5", "5"),
        ("application/dtmf", " #\r\n", "#"),
        ("Application/DTMF; x=1", "d", "D"),
        ("application/dtmf", "11", "#"),
        ("application/dtmf", "16", None),  # a flash
        ("application/dtmf", "", None),
        ("application/dtmf", "Signal=5", None),
        ("application/dtmf-relay", "5", None),  # pjsip's own
        ("text/plain", "5", None),
    ],
)
def test_an_info_that_is_only_a_digit(kind: str, body: str, digit: str | None) -> None:
    info = f"INFO sip:x SIP/2.0\r\nc: {kind}\r\nContent-Length: 9\r\n\r\n{body}"

    assert digit_of_info(info) == digit
