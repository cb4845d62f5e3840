"""Servers by TLS that are found by a name: which certificates are for it, and the next server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support.certificates import Authority
from support.kamailio import Tls
from support.netns import Network
from support.provider import ACCOUNT, DNS, FIRST, HOSTS, HOUSE, SECOND, Provider
from support.source_build import python_of, source_python
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.gateway import GatewayProcess
    from support.kamailio import Kamailio

TLS_PORT = 5061
TWO_BY_TLS = (
    *HOSTS,
    f"_sips._tcp.example.org. SRV 10 10 {TLS_PORT} one.example.org.",
    f"_sips._tcp.example.org. SRV 20 10 {TLS_PORT} two.example.org.",
)
waiting = Together(at_once=4)
REGISTERED = "(sip:hasip@example.org): registered"


class SafeProvider(Provider):
    """One whose servers have certificates."""

    def __init__(self, network: Network, folder: Path) -> None:
        super().__init__(network, folder)
        self.authority = Authority(folder / "ca")

    def safe_registrar(self, host: str, certificate_for: str) -> Kamailio:
        name = certificate_for.replace("*", "any")
        certificate, key = self.authority.sign(name, f"DNS:{certificate_for}")
        return self.registrar(host, tls=Tls(TLS_PORT, certificate, key))

    def safe_gateway(
        self, uri: str = "sip:example.org", python: str | None = None
    ) -> GatewayProcess:
        options = f"--bind-address {HOUSE} --tls on --tls-ca-file {self.authority.certificate}"
        account = {**ACCOUNT, "SIP1_REGISTRAR_URI": f"{uri};transport=tls", "NAME_SERVER": DNS}
        more = {} if python is None else {"python": python}
        return self.gateway(**more, **account, GLOBAL_OPTIONS=options)


@contextlib.contextmanager
def a_provider(tmp_path: Path) -> Iterator[SafeProvider]:
    """Make its network."""
    with Network() as network:
        provider = SafeProvider(network, tmp_path)
        try:
            yield provider
        finally:
            provider.close()


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["port closed", "packets dropped"])
@waiting
def test_the_second_server_is_used_if_the_first_is_dead(
    tmp_path: Path, build: str, *, is_silent: bool
) -> None:
    """Its certificate is for the domain, as RFC 5922 §4 wants it, and it has calls as well."""
    with a_provider(tmp_path) as net:
        net.dns(*TWO_BY_TLS)
        if is_silent:
            net.silence(FIRST)
        second = net.safe_registrar(SECOND, "example.org")
        alice = net.phone("alice")
        assert alice.register(second.address, "example.org") == 200
        with net.safe_gateway(python=source_python() if build == "source" else None) as gateway:
            gateway.wait_log(REGISTERED, 30)
            assert "one.example.org" in gateway.wait_log("does not answer; trying two.example.org")
            gateway.command({"command": "dial", "number": "alice"})
            alice.wait_call().wait_answered().hang_up()

            sent = gateway.wait_lines("Request msg INVITE", 1)
            assert all(f" to TLS {SECOND}:{TLS_PORT}" in line for line in sent)
            with net.machine.entered():
                call = alice.call("sip:hasip@example.org", via=second.address).wait_answered()
            call.hang_up()
            gateway.wait_log("the other side hung up")


@pytest.mark.parametrize("build", ["wheel", "source"])
@waiting
def test_a_certificate_for_the_server_is_none_for_the_domain(tmp_path: Path, build: str) -> None:
    """Who can forge answers of name servers must not become the registrar."""
    with a_provider(tmp_path) as net:
        net.dns(*TWO_BY_TLS)
        net.safe_registrar(FIRST, "one.example.org")
        with net.safe_gateway(python=source_python() if build == "source" else None) as gateway:
            gateway.wait_log("TLS: the certificate of")
            gateway.wait_log("registration at")

            assert not any(REGISTERED in line for line in gateway.lines)


@pytest.mark.parametrize(
    ("certificate_for", "build", "is_trusted"),
    [
        ("*.example.org", "source", True),
        ("*.example.org", "wheel", False),  # pjsip as it is, by RFC 5922 §7.2
        ("*.example.com", "source", False),
        ("*.org", "source", False),  # two labels are too many (RFC 6125 §6.4.3)
        ("*", "source", False),
    ],
)
@waiting
def test_a_wildcard_is_for_the_names_directly_below(
    tmp_path: Path, certificate_for: str, build: str, *, is_trusted: bool
) -> None:
    with a_provider(tmp_path) as net:
        net.dns(*HOSTS)
        net.safe_registrar(FIRST, certificate_for)
        python = source_python() if build == "source" else None
        with net.safe_gateway(f"sip:one.example.org:{TLS_PORT}", python) as gateway:
            gateway.wait_log(REGISTERED if is_trusted else "TLS: the certificate of")
            gateway.wait_log(REGISTERED if is_trusted else "registration at")

            assert any(REGISTERED in line for line in gateway.lines) == is_trusted


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("way", ["redirect", "REFER"])
@waiting
def test_a_call_that_is_sent_to_a_name_by_tls_goes_there(
    tmp_path: Path, way: str, build: str
) -> None:
    """The server shows a certificate for the name; our BYE goes the same way."""
    with a_provider(tmp_path) as net:
        net.dns(*HOSTS)
        server = net.safe_registrar(FIRST, "one.example.org")
        alice, old = net.phone("alice"), net.phone("old")
        assert alice.register(server.address, "one.example.org") == 200
        safe = "sip:alice@one.example.org;transport=tls"
        trust = f"--bind-address {HOUSE} --tls on --tls-ca-file {net.authority.certificate}"
        with net.gateway(
            python=python_of(build),
            NAME_SERVER=DNS,
            GLOBAL_OPTIONS=trust,
            SIP1_OPTIONS="--follow-transfer on",
        ) as gateway:
            if way == "redirect":
                old.redirect_to = safe
                gateway.command({"command": "dial", "number": old.uri})
            else:
                with net.machine.entered():
                    call = old.call(gateway.uri, via=gateway.address).wait_answered()
                assert call.refer(safe) == 202
            call = alice.wait_call().wait_answered()
            gateway.wait_log("CallEstablished(" if way == "redirect" else "CallTransferred(")
            gateway.command(
                {"command": "hangup", "number": old.uri if way == "redirect" else "alice"}
            )
            call.wait_ended()

            assert call.ended_by_peer
            sent = gateway.wait_lines("Request msg INVITE", 1)
            assert f" to TLS {FIRST}:{TLS_PORT}" in sent[-1]


@waiting
def test_a_redirect_to_a_name_that_a_server_has_no_certificate_for_is_not_followed(
    tmp_path: Path,
) -> None:
    with a_provider(tmp_path) as net:
        net.dns(*HOSTS)
        net.safe_registrar(FIRST, "two.example.org")
        old = net.phone("old")
        old.redirect_to = "sip:alice@one.example.org;transport=tls"
        trust = f"--bind-address {HOUSE} --tls on --tls-ca-file {net.authority.certificate}"
        with net.gateway(NAME_SERVER=DNS, GLOBAL_OPTIONS=trust) as gateway:
            gateway.command({"command": "dial", "number": old.uri})
            gateway.wait_log("TLS: the certificate of")

            assert "(unreachable; 503" in gateway.wait_log("the call ended: ")
