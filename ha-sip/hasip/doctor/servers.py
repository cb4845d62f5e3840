"""Resolves the server of an account, and knocks: by UDP with OPTIONS, by TCP, by TLS."""

from __future__ import annotations

import secrets
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from hasip.doctor.report import TooSlowError, within
from hasip.errors import HaSipError
from hasip.sip.locate import TCP, TLS, UDP, destination_of, locator_for
from hasip.sip.transports import system_ca_file

if TYPE_CHECKING:
    from hasip.doctor.hints import Names
    from hasip.doctor.report import Report
    from hasip.settings.model import Account, GlobalOptions, Settings
    from hasip.sip.locate import Destination, Target

RESOLVED_WITHIN_S = 12.0
CONNECTED_WITHIN_S = 5.0
# RFC 3261 §17.1.2.2: OPTIONS is sent again, at doubled intervals.
ANSWERS_WAITED_S = (0.5, 1.0, 2.0)
MOST_SERVERS = 3


def check_server(report: Report, settings: Settings, account: Account, names: Names) -> bool:
    """Say how the account's server can be reached; tells whether to go on."""
    options = account.options
    uri = options.proxy or account.registrar_uri
    if not uri:
        report.warn("server", "no registrar is set", "only direct calls work, which may be meant")
        return True
    name = "--proxy" if options.proxy else names.of("registrar_uri")
    to = destination_of(uri)
    if to is None:
        report.fail("server", f"{uri} is no SIP URI", f"write {name} like sip:example.org")
        return False
    general = settings.sip.options
    locator = locator_for(settings.sip)
    try:
        targets = within(RESOLVED_WITHIN_S, lambda: locator.locate(to))
    except HaSipError as error:
        report.fail("resolve", str(error), _resolve_hint(settings, name))
        return False
    listed = ", ".join(map(str, targets))
    by = (
        "by " + ", ".join(settings.sip.name_servers)
        if settings.sip.name_servers
        else "by the system"
    )
    report.ok("resolve", f"{to.host} is {listed}, {'as written' if to.is_address else by}")
    knocked = [_knock(report, target, to, general) for target in targets[:MOST_SERVERS]]
    return any(knocked)


def _resolve_hint(settings: Settings, name: str) -> str:
    if settings.sip.name_servers:
        return f"check {name}, and that the servers in NAME_SERVER answer"
    return f"check {name}; if the provider uses SRV records, set NAME_SERVER"


def _knock(report: Report, target: Target, to: Destination, general: GlobalOptions) -> bool:
    """Try one server; a server that ignores OPTIONS may be well all the same."""
    switches = {UDP: general.udp, TCP: general.tcp, TLS: general.tls}
    if not switches[target.transport]:
        hint = (
            f"set --{target.transport} on in the global options, or another ;transport= in the URI"
        )
        report.fail("connect", f"{target.transport.upper()} is switched off here", hint)
        return False
    try:
        if target.transport == UDP:
            return _ask_by_udp(report, target, general)
        plain = within(CONNECTED_WITHIN_S + 1, lambda: _connect(target, general))
        with plain:
            if target.transport == TLS:
                return _shake_hands(report, plain, to, general)
    except (OSError, TooSlowError) as error:
        report.fail("connect", f"{target}: {error}", "check address, port and the firewall")
        return False
    report.ok("connect", f"{target} takes connections")
    return True


def _connect(target: Target, general: GlobalOptions) -> socket.socket:
    source = general.bind_ipv6 if ":" in target.address else general.bind_ipv4
    return socket.create_connection(
        (target.address, target.port),
        CONNECTED_WITHIN_S,
        source_address=(source, 0) if source else None,
    )


def _ask_by_udp(report: Report, target: Target, general: GlobalOptions) -> bool:
    is_six = ":" in target.address
    source = general.bind_ipv6 if is_six else general.bind_ipv4
    with socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind((source or ("::" if is_six else ""), 0))
        asker.connect((target.address, target.port))
        request = _options(target, *asker.getsockname()[:2])
        for wait_s in ANSWERS_WAITED_S:
            asker.settimeout(wait_s)
            try:
                asker.send(request)
                answer = asker.recv(65_535).decode("utf-8", "replace")
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                report.fail(
                    "connect",
                    f"{target}: nothing listens there",
                    "check the port, or try ;transport=tcp",
                )
                return False
            report.ok("connect", f"{target} answers OPTIONS with {_status(answer)}")
            return True
    report.warn(
        "connect",
        f"{target} does not answer OPTIONS by UDP",
        "some servers never do; the registration tells",
    )
    return True


def _options(target: Target, address: str, port: int) -> bytes:
    host = f"[{address}]" if ":" in address else address
    token = secrets.token_hex(8)
    lines = (
        f"OPTIONS sip:{target.name}:{target.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{token}",
        "Max-Forwards: 70",
        f"From: <sip:doctor@{host}:{port}>;tag={token}",
        f"To: <sip:{target.name}>",
        f"Call-ID: {token}@ha-sip",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:doctor@{host}:{port}>",
        "Content-Length: 0",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _status(answer: str) -> str:
    return answer.partition("\r\n")[0].removeprefix("SIP/2.0 ")[:80]


def _shake_hands(
    report: Report, plain: socket.socket, to: Destination, general: GlobalOptions
) -> bool:
    """Say whether the server's certificate is one that we trust for this name."""
    context = ssl.create_default_context(cafile=str(general.tls_ca_file or system_ca_file() or ""))
    if general.tls_cert_file is not None:
        context.load_cert_chain(general.tls_cert_file, general.tls_key_file)
    plain.settimeout(CONNECTED_WITHIN_S)
    try:
        with context.wrap_socket(plain, server_hostname=to.host) as secure:
            known = secure.getpeercert() or {}
            report.ok(
                "TLS",
                f"{secure.version()}; the certificate is trusted for {to.host} and valid until "
                f"{known.get('notAfter', 'an unknown time')}",
            )
            return True
    except ssl.SSLCertVerificationError as error:
        report.fail(
            "TLS", f"the certificate is not trusted: {error.verify_message}", _tls_hint(error)
        )
    except (OSError, ValueError) as error:
        report.fail(
            "TLS", f"{error}", "does the server speak TLS on this port? 5061 is the usual one"
        )
    return False


def _tls_hint(error: ssl.SSLCertVerificationError) -> str:
    with suppress(AttributeError):
        if "mismatch" in error.verify_message.lower():
            return "use the name that is in the certificate as the server's"
        if "expired" in error.verify_message.lower():
            return "the server needs a new certificate, or this machine's clock is wrong"
    return (
        "if it is the right server, name its certificate, or who signed it, with --tls-ca-file in "
        "the global options"
    )
