"""Certificates for servers under test."""

from __future__ import annotations

import functools
import itertools
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def _rsa() -> bytes:
    """Return a key. To make one takes half a second, so that a session has only this."""
    command = ["openssl", "genrsa", "2048"]
    return subprocess.run(command, check=True, timeout=60, capture_output=True).stdout


def self_signed(folder: Path, *, is_expired: bool = False) -> Path:
    """Return a file with a certificate for 127.0.0.1 that signed itself, and its key."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    key.write_bytes(_rsa())
    _openssl(
        *("req", "-x509", "-key", key, "-days", "2", "-out", certificate),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
    )
    if is_expired:
        _openssl(
            *("x509", "-in", certificate, "-signkey", key, "-days", "-1", "-out", certificate),
        )
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both


class Authority:
    """Somebody who signs certificates, and the files of it.

    All have one key and names of their own, by which whoever verifies them tells them apart.
    """

    _numbers = itertools.count(1)

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._key.write_bytes(_rsa())
        name = f"test authority {next(self._numbers)}"
        _openssl(
            *("req", "-x509", "-key", self._key, "-days", "2", "-out", self.certificate),
            *("-subj", f"/CN={name}"),
        )

    def sign(self, name: str, alternative: str = "") -> tuple[Path, Path]:
        """Return a certificate and its key; `alternative` is such as `IP:127.0.0.1`."""
        certificate, key, request, extensions = (
            self._folder / f"{name}.{kind}" for kind in ("pem", "key", "csr", "ext")
        )
        extensions.write_text(f"subjectAltName={alternative}" if alternative else "")
        key.write_bytes(_rsa())
        _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate),
        )
        return certificate, key


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
