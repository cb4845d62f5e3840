"""What an account's URIs ask for must be switched on."""

from __future__ import annotations

import pytest

from hasip.calls.uri import transport_of
from hasip.settings.model import Account, AccountOptions
from hasip.settings.options import parse_global_options
from hasip.settings.routes import route_problems, route_warnings

NAMES = {"id_uri": "ID", "registrar_uri": "REGISTRAR", "options": "OPTIONS"}


def problems(registrar: str, general: str = "", proxy: str | None = None) -> list[str]:
    options, found = parse_global_options(general, "GLOBAL_OPTIONS")
    assert found == ()
    account = Account(
        number=1,
        id_uri="sip:a@b",
        registrar_uri=registrar,
        options=AccountOptions(proxy=proxy),
    )
    return [str(problem) for problem in route_problems(account, options, NAMES)]


@pytest.mark.parametrize(
    ("uri", "transport"),
    [
        ("sip:pbx", None),
        ("sip:pbx;transport=tcp", "tcp"),
        ("<sip:pbx:5061;lr;transport=TLS>", "tls"),
        ("sips:a@pbx", "tls"),
        ("<sips:pbx;transport=tcp>", "tls"),
    ],
)
def test_the_transport_that_a_uri_asks_for(uri: str, transport: str | None) -> None:
    assert transport_of(uri) == transport


def test_a_transport_that_is_off_is_a_problem_that_says_what_to_write() -> None:
    (told,) = problems("sip:pbx;transport=tls")
    assert told.startswith("REGISTRAR: needs TLS, which is off; add --tls on to the global options")
    assert problems("sips:pbx")[0].startswith("REGISTRAR: needs TLS")
    assert problems("sip:pbx", "--tcp off", "sip:p;transport=tcp")[0].startswith("OPTIONS: needs")
    assert problems("sip:pbx;transport=tls", "--tls on") == []
    assert problems("sip:pbx;transport=tcp") == []


def test_an_unknown_transport_and_ipv6_that_is_off_are_problems() -> None:
    assert "must be one of udp, tcp, tls" in problems("sip:pbx;transport=ws")[0]
    assert "add --ipv6 on" in problems("sip:[2001:db8::1]:5060")[0]
    assert problems("sip:[2001:db8::1]:5060", "--ipv6 on") == []
    assert problems("sip:[2001:db8::1]", "--bind-address ::1") == []


def test_keys_that_can_be_read_on_the_way_are_warned_of() -> None:
    def warned(registrar: str, srtp: str) -> bool:
        account = Account(
            number=1,
            id_uri="sip:a@b",
            registrar_uri=registrar,
            options=AccountOptions(srtp=srtp),
        )
        return list(route_warnings(account, NAMES)) != []

    assert warned("sip:pbx", "mandatory")
    assert not warned("sip:pbx;transport=tls", "mandatory")
    assert not warned("sip:pbx", "disabled")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("[::1]", ("::1",)),
        ("127.0.0.1,::1", ("127.0.0.1", "::1")),
    ],
)
def test_addresses_to_listen_on(text: str, addresses: tuple[str, ...]) -> None:
    options, found = parse_global_options(f"--bind-address {text}", "GLOBAL_OPTIONS")

    assert found == ()
    assert options.bind_address == addresses


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("--bind-address house", "--bind-address must be an address of this machine"),
        ("--bind-address 10.0.0.1,10.0.0.2", "--bind-address must be an address of this machine"),
        ("--tls-ca-file /none", "--tls-ca-file must be the path of a file that exists"),
    ],
)
def test_what_can_not_be_used_is_said(written: str, what: str) -> None:
    _, found = parse_global_options(written, "GLOBAL_OPTIONS")

    assert str(found[0]).startswith(f"GLOBAL_OPTIONS: {what}")
