"""What the stack listens on and sends by: UDP, TCP and TLS, by IPv4 and IPv6."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.sip.build import HAS_IPV6, tls_library, tls_warning
from hasip.sip.errors import sip_errors
from hasip.tcp import GIVE_UP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasip.settings.model import GlobalOptions, Sip

_log = logging.getLogger(__name__)

# Who connects by TLS and says nothing costs a handle until then.
HANDSHAKE_WITHIN_S = 10
# pjsua2 only keeps a pointer into these objects.
_socket_options: list[pj.SockOpt] = []

# Where systems keep the authorities they trust, beside the place that Python's OpenSSL knows.
_SYSTEM_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class Listener:
    """A transport that is wanted."""

    name: str  # as people call it
    kind: int
    address: str  # empty: all
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A connection by TCP or TLS that has ended, or was never made."""

    transport: str  # "TCP" or "TLS"
    reason: str
    distrust: str | None  # why the other side's certificate is not trusted, and whose it is


def read_loss(prm: pj.OnTransportStateParam) -> ConnectionLost | None:
    """Return what a change of a transport says, in its callback; None if nothing was lost."""
    transport = str(prm.type).partition("6")[0]
    if prm.state != pj.PJSIP_TP_STATE_DISCONNECTED or transport not in ("TCP", "TLS"):
        return None
    reason = pj.Endpoint.instance().utilStrError(prm.lastError) if prm.lastError else "closed"
    distrust = None
    tls = prm.tlsInfo
    if transport == "TLS" and not tls.isEmpty() and tls.verifyStatus:
        certificate = tls.remoteCertInfo
        distrust = (
            f"the certificate of {tls.remoteAddr} ({certificate.subjectInfo}, signed by "
            f"{certificate.issuerInfo}): {'; '.join(tls.verifyMsgs)}"
        )
    return ConnectionLost(transport, reason, distrust)


def open_transports(endpoint: pj.Endpoint, sip: Sip) -> None:
    """Open all that are wanted; raises `SipError` where none could be opened."""
    options = sip.options
    opened = 0
    if options.uses_ipv6 and not HAS_IPV6:
        _log.error(
            "IPv6: this pjsua2 was built without it; "
            "./build.sh create-venv --from-source builds one that has it"
        )
    if options.tls:
        _tell_about_tls(options)
    for listener in wanted_listeners(sip):
        config = pj.TransportConfig()
        config.port = listener.port
        config.boundAddress = listener.address
        if listener.name.startswith("TCP"):
            _watch_connections(config.sockOptParams)
        if listener.name.startswith("TLS"):
            _watch_connections(config.tlsConfig.sockOptParams)
            _configure_tls(config.tlsConfig, options)
        try:
            with sip_errors(f"listen on {listener.name} port {listener.port}"):
                endpoint.transportCreate(listener.kind, config)
            opened += 1
        except SipError as error:
            _log.error("%s", error)
    if not opened:
        msg = f"no SIP transport could be opened on port {sip.port}; is it in use already?"
        raise SipError(msg)


def wanted_listeners(sip: Sip) -> Iterator[Listener]:
    """Yield what the settings ask for."""
    options = sip.options
    kinds = (
        (options.udp, "UDP", pj.PJSIP_TRANSPORT_UDP, sip.port),
        (options.tcp, "TCP", pj.PJSIP_TRANSPORT_TCP, sip.port),
        (options.tls, "TLS", pj.PJSIP_TRANSPORT_TLS, options.tls_port),
    )
    for is_wanted, name, kind, port in kinds:
        if is_wanted and options.uses_ipv4:
            yield Listener(name, kind, options.bind_ipv4 or "", port)
        if is_wanted and options.uses_ipv6 and HAS_IPV6:
            six = f"{name} (IPv6)"
            yield Listener(six, kind | pj.PJSIP_TRANSPORT_IPV6, options.bind_ipv6 or "", port)


def _watch_connections(params: pj.SockOptParams) -> None:
    if not _socket_options:
        for level, name, value in GIVE_UP_OPTIONS:
            option = pj.SockOpt()
            option.level, option.optName = level, name
            option.setOptValInt(value)
            _socket_options.append(option)
    for option in _socket_options:
        params.sockOpts.append(option)


def _configure_tls(config: pj.TlsConfig, options: GlobalOptions) -> None:
    config.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
    config.verifyServer = True
    config.msecTimeout = HANDSHAKE_WITHIN_S * 1000
    config.CaListFile = str(options.tls_ca_file or system_ca_file() or "")
    if options.tls_cert_file is not None:
        config.certFile = str(options.tls_cert_file)
        config.privKeyFile = str(options.tls_key_file or options.tls_cert_file)


def system_ca_file() -> Path | None:
    """Return the file with the authorities that this system trusts."""
    import ssl  # noqa: PLC0415 - large, and seldom used

    known = ssl.get_default_verify_paths()
    written = os.environ.get(known.openssl_cafile_env)
    for path in (written, known.cafile, *_SYSTEM_CA_FILES):
        if path and Path(path).is_file():
            return Path(path)
    return None


def _tell_about_tls(options: GlobalOptions) -> None:
    warning = tls_warning(tls_library())
    if warning is not None:
        _log.warning("TLS: %s", warning)
    if options.tls_ca_file is None and system_ca_file() is None:
        _log.error(
            "TLS: this system has no list of trusted authorities, so no server will be trusted; "
            "install the package ca-certificates, or name a file with --tls-ca-file"
        )
    if options.tls_cert_file is None:
        _log.info("TLS: without --tls-cert-file we only connect; nobody can connect to us by TLS")
