"""SIP by TLS at a real registrar: who is trusted, and who trusts us."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import audio
from support.baresip import RTP_PORTS, Baresip
from support.capture import UDP
from support.certificates import Authority, self_signed
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, Tls
from support.netns import Network
from support.phone import Phone
from support.ports import free_port
from support.source_build import BUILDS, python_of, source_python
from support.together import Together
from support.wire import Wire, pcmu

if TYPE_CHECKING:
    from collections.abc import Sequence

USERS = {"hasip": "hasip-secret", "alice": "alice-secret", "bare": "bare-secret"}
OURS_HZ = 1_000
LOCAL = "IP:127.0.0.1"
waiting = Together(at_once=4)
both_builds = pytest.mark.parametrize("build", BUILDS)
SYSTEM_STORE = Path("/etc/ssl/certs/ca-certificates.crt")


def registrar(folder: Path, certificate: Sequence[Path], client_ca: Path | None = None) -> Kamailio:
    """Return one that listens for TLS, too, with a certificate and its key."""
    folder.mkdir()
    return Kamailio(
        folder, free_port(), USERS, tls=Tls(free_port(), certificate[0], certificate[-1], client_ca)
    )


def gateway_at(
    kamailio: Kamailio, folder: Path, options: str, python: str = sys.executable, **more: Any
) -> GatewayProcess:
    """Return a gateway that registers by TLS; `more` is as `GatewayProcess` takes it."""
    assert kamailio.tls is not None
    return GatewayProcess(
        folder,
        python=python,
        menu_file={"menu": {"message": "Hello"}},
        GLOBAL_OPTIONS=f"--bind-address 127.0.0.1 --tls on --tls-port {free_port()} {options}",
        SIP1_ID_URI=f"sip:hasip@127.0.0.1:{kamailio.port}",
        SIP1_REGISTRAR_URI=f"sip:127.0.0.1:{kamailio.tls.port};transport=tls",
        SIP1_USER_NAME="hasip",
        SIP1_PASSWORD=USERS["hasip"],
        **more,
    )


@both_builds
@waiting
def test_a_registrar_of_a_given_authority_is_trusted_and_calls_come_in_by_tls(
    tmp_path: Path, build: str
) -> None:
    python = python_of(build)
    authority = Authority(tmp_path / "ca")
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        gateway_at(kamailio, tmp_path, f"--tls-ca-file {authority.certificate}", python) as gateway,
        Phone("alice", password=USERS["alice"], proxy=kamailio.address) as alice,
    ):
        gateway.wait_log("): registered")
        call = alice.call(f"sip:hasip@127.0.0.1:{kamailio.port}").wait_answered()
        call.wait_sound()
        assert any("INVITE" in line and "TLS" in line for line in gateway.lines)


@both_builds
@waiting
def test_a_registrar_of_an_unknown_authority_is_not_trusted_and_the_log_says_what_to_do(
    tmp_path: Path, build: str
) -> None:
    python = python_of(build)
    authority = Authority(tmp_path / "ca")
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        gateway_at(kamailio, tmp_path, "", python, SSL_CERT_FILE="") as gateway,
    ):
        told = gateway.wait_log("TLS: the certificate of")

        assert "test authority" in told
        assert "--tls-ca-file" in told
        gateway.wait_log("registration at")
        assert not any("): registered" in line for line in gateway.lines)


def as_system_store(bundle: Path) -> tuple[str, ...]:
    """Return what runs a command with that file as the authorities that this system trusts."""
    script = f'mount --bind "$0" {SYSTEM_STORE} && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(bundle))


@both_builds
@waiting
def test_a_registrar_of_an_authority_of_the_system_is_trusted(tmp_path: Path, build: str) -> None:
    """One among all those that a system trusts."""
    authority, bundle = Authority(tmp_path / "ca"), tmp_path / "bundle.pem"
    bundle.write_bytes(SYSTEM_STORE.read_bytes() + authority.certificate.read_bytes())
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        gateway_at(
            *(kamailio, tmp_path, "", python_of(build)),
            prefix=as_system_store(bundle),
            SSL_CERT_FILE="",
        ) as gateway,
    ):
        gateway.wait_log("): registered")


@both_builds
@waiting
def test_a_registrar_of_an_authority_that_ssl_cert_file_names_is_trusted(
    tmp_path: Path, build: str
) -> None:
    """OpenSSL's own way to name another store for the system's."""
    authority = Authority(tmp_path / "ca")
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        gateway_at(
            *(kamailio, tmp_path, "", python_of(build)), SSL_CERT_FILE=str(authority.certificate)
        ) as gateway,
    ):
        gateway.wait_log("): registered")


@both_builds
@waiting
def test_a_bare_number_is_called_by_tls_where_the_account_is_registered_by_tls(
    tmp_path: Path, build: str
) -> None:
    python = python_of(build)
    authority = Authority(tmp_path / "ca")
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        gateway_at(kamailio, tmp_path, f"--tls-ca-file {authority.certificate}", python) as gateway,
        Phone("alice", password=USERS["alice"], proxy=kamailio.address) as alice,
    ):
        gateway.wait_log("): registered")
        alice.register(kamailio.address, kamailio.address[0])
        gateway.command({"command": "dial", "number": "alice"})
        alice.wait_call()

        sent = gateway.wait_lines("Request msg INVITE", 1)
        assert all(" to TLS " in line for line in sent)


@both_builds
@waiting
def test_a_call_has_its_signalling_by_tls_and_its_audio_by_srtp(tmp_path: Path, build: str) -> None:
    tone, authority = tmp_path / "tone.wav", Authority(tmp_path / "ca")
    audio.write_wav(tone, audio.sine(OURS_HZ, 2))
    python = python_of(build)
    trusted = f"--tls-ca-file {authority.certificate}"
    with (
        Network() as network,
        (machine := network.machine("phones")).entered(),
        Wire(machine, "lo") as wire,
        StandInHomeAssistant() as house,
        registrar(tmp_path / "pbx", authority.sign("pbx", LOCAL)) as kamailio,
        Baresip(tmp_path / "baresip", "PCMU/8000", "srtp-mand") as phone,
        Phone("bare", password=USERS["bare"]) as its_registration,
        gateway_at(
            kamailio, tmp_path, trusted, python, house=house, SIP1_OPTIONS="--srtp mandatory"
        ) as gateway,
    ):
        its_registration.uri = phone.uri
        assert its_registration.register(kamailio.address, kamailio.address[0]) == 200
        gateway.wait_log("): registered")
        menu = {"audio_file": str(tone), "post_action": "hangup"}
        gateway.command({"command": "dial", "number": "bare", "menu": menu})
        house.wait_event("call_disconnected")
        phone.wait_said("session closed")

        assert "SRTP is Enabled" in phone.log.read_text(encoding="utf-8", errors="replace")
        sent = gateway.wait_lines("Request msg INVITE", 1)
        assert all(" to TLS " in line for line in sent)
        assert any(line.startswith("m=audio") and "RTP/SAVP" in line for line in gateway.lines)
    assert audio.tone_dbfs(phone.heard, OURS_HZ) > -30  # its file is whole when it has ended
    # On the wire the call is in plain text only from the registrar to the telephone.
    assert kamailio.tls is not None
    plain = [packet for packet in wire.packets if b"SIP/2.0" in packet.payload]
    assert {packet.protocol for packet in plain} == {UDP}
    invites = [packet for packet in plain if packet.payload.startswith(b"INVITE sip:")]
    assert {packet.ports[0] for packet in invites} == {kamailio.port}
    by_tls = [packet for packet in wire.packets if kamailio.tls.port in packet.ports]
    assert sum(len(packet.payload) for packet in by_tls) > 4_000
    heard = pcmu(packet for packet in wire.packets if packet.ports[1] in RTP_PORTS)
    assert len(heard) > audio.RATE_HZ
    assert audio.tone_dbfs(heard, OURS_HZ) < -40  # as in noise


@both_builds
@waiting
def test_a_certificate_that_signed_itself_is_trusted_if_it_is_named(
    tmp_path: Path, build: str
) -> None:
    both = self_signed(tmp_path)
    with (
        registrar(tmp_path / "pbx", [both]) as kamailio,
        gateway_at(kamailio, tmp_path, f"--tls-ca-file {both}", python_of(build)) as gateway,
    ):
        gateway.wait_log("): registered")


@both_builds
@waiting
def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path, build: str) -> None:
    python = python_of(build)
    authority = Authority(tmp_path / "ca")
    with (
        registrar(tmp_path / "pbx", authority.sign("pbx", "DNS:pbx.example.com")) as kamailio,
        gateway_at(kamailio, tmp_path, f"--tls-ca-file {authority.certificate}", python) as gateway,
    ):
        gateway.wait_log("TLS: the certificate of")
        gateway.wait_log("registration at")
        assert not any("): registered" in line for line in gateway.lines)


@both_builds
@waiting
def test_our_certificate_is_shown_to_a_registrar_that_asks_for_it(
    tmp_path: Path, build: str
) -> None:
    python = python_of(build)
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.sign("house", LOCAL)
    trusted = f"--tls-ca-file {authority.certificate}"
    ours = f"--tls-cert-file {certificate} --tls-key-file {key}"
    with registrar(
        tmp_path / "pbx", authority.sign("pbx", LOCAL), authority.certificate
    ) as kamailio:
        with gateway_at(kamailio, tmp_path, trusted, python) as gateway:
            gateway.wait_log("registration at")
            assert not any("): registered" in line for line in gateway.lines)
        with gateway_at(kamailio, tmp_path, f"{trusted} {ours}", python) as gateway:
            gateway.wait_log("): registered")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@waiting
def test_who_connects_to_us_by_tls_sees_our_certificate(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.sign("house", LOCAL)
    port = free_port()
    options = f"--tls on --tls-port {port} --tls-cert-file {certificate} --tls-key-file {key}"
    general = f"--bind-address 127.0.0.1 {options}"
    with GatewayProcess(tmp_path, python=source_python(), GLOBAL_OPTIONS=general):
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
        ):
            tls.sendall(
                b"OPTIONS sip:house@127.0.0.1 SIP/2.0\r\n"
                b"Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n"
                b"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:house@127.0.0.1>\r\n"
                b"Call-ID: 1@test\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )

            assert tls.recv(4096).startswith(b"SIP/2.0 200")
