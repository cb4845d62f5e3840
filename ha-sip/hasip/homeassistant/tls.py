"""Whom we trust by TLS, and what to say where that fails.

Certificates are always verified. Who has one of his own names the file of the certificate that
signed it, which is then trusted beside the usual authorities.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN_CHARS = 200
# What OpenSSL says when the other side speaks something else than TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_…


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return whom we trust; raises `HomeAssistantError`. It takes 20 ms: keep it."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - large

    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            msg = f"HA_CA_FILE {ca_file}: no certificate in PEM form can be read from it: {error}"
            raise HomeAssistantError(msg) from error
    return context


def tls_problem(error: BaseException) -> str:
    """Return what is wrong and what to do, of an error that holds one of TLS somewhere."""
    found = _ssl_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        reason = found.verify_message or str(found)
        advice = {
            _EXPIRED: "renew it",
            _NOT_YET_VALID: "look at the clocks of both machines",
            _OTHER_NAME: "let HA_BASE_URL have the name that is in the certificate",
            _OTHER_ADDRESS: "let HA_BASE_URL have the name that is in the certificate",
        }.get(found.verify_code, "set HA_CA_FILE to the certificate that signed it")
        return f"the certificate is not trusted: {reason}; {advice}"[: 2 * _SHOWN_CHARS]
    text = str(found or error)[:_SHOWN_CHARS]
    if any(sign in text for sign in _NO_TLS):
        return "no https is spoken there; let HA_BASE_URL begin with http://, or name another port"
    return f"no encrypted connection: {text}"


def speaks_tls(host: str, port: int, timeout_s: float) -> bool:
    """Tell whether TLS is spoken at an address, where http was not; nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the question is what is spoken, not who speaks
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, port), timeout_s) as plain,
        context.wrap_socket(plain),
    ):
        return True
    return False


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the error of TLS in the chain of causes; requests hides it in arguments, too."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ssl.SSLError):
            return one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
        waiting += [part for part in one.args if isinstance(part, BaseException)]
    return None
