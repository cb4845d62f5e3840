"""What an account's URIs ask for must be switched on."""

from __future__ import annotations

import pytest

from hasip.calls.uri import own_uri, transport_of
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


def test_a_uri_without_transport_is_a_problem_where_udp_is_off() -> None:
    assert "write sip:10.0.0.1;transport=tcp" in problems("sip:10.0.0.1", "--udp off")[0]
    only_tls = "--udp off --tcp off --tls on"
    assert "write sip:pbx;transport=tls" in problems("sip:pbx", only_tls)[0]
    assert problems("sip:pbx", "--udp off") == []
    assert problems("sip:pbx;transport=tls", only_tls) == []


@pytest.mark.parametrize(
    ("dialled", "registrar", "called"),
    [
        ("200", "sip:1.2.3.4", "sip:200@1.2.3.4"),
        ("200", "sip:1.2.3.4;transport=tls", "sip:200@1.2.3.4;transport=tls"),
        ("200", "sips:1.2.3.4:5071", "sip:200@1.2.3.4:5071;transport=tls"),
        ("200", "sip:reg.example;transport=tcp", "sip:200@1.2.3.4;transport=tcp"),
        ("sip:200@1.2.3.4", "sip:1.2.3.4:5071;transport=tcp", "sip:200@1.2.3.4:5071;transport=tcp"),
        ("<sip:1.2.3.4@1.2.3.4;x=y>", "sips:1.2.3.4", "<sip:1.2.3.4@1.2.3.4;transport=tls;x=y>"),
        ("sip:200@1.2.3.4;transport=udp", "sips:1.2.3.4", "sip:200@1.2.3.4;transport=udp"),
        ("sip:200@1.2.3.4:5080", "sips:1.2.3.4", "sip:200@1.2.3.4:5080"),
        ("sip:200@other", "sips:1.2.3.4", "sip:200@other"),
        ("tel:200", "sips:1.2.3.4", "tel:200"),
    ],
)
def test_a_number_at_the_own_server_goes_as_the_account_is_registered(
    dialled: str, registrar: str, called: str
) -> None:
    assert own_uri(dialled, "sip:me@1.2.3.4", registrar) == called


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
