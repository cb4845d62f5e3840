"""From and To as they were received."""

from __future__ import annotations

import pytest

from hasip.calls.uri import has_scheme, host_of, parse_number
from hasip.sip.received import header_value, party, sent_by


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
        ("5551234", "5551234"),
    ],
)
def test_the_number_is_what_stands_after_the_scheme(uri: str, number: str) -> None:
    assert parse_number(uri) == number


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
