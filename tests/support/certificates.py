"""Certificates for servers under test."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def self_signed(folder: Path, *, is_expired: bool = False) -> Path:
    """Return a file with a certificate for 127.0.0.1 that signed itself, and its key."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    if is_expired:
        command = [
            *("openssl", "x509", "-in", str(certificate), "-signkey", str(key), "-days", "-1"),
            *("-out", str(certificate)),
        ]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both


class Authority:
    """Somebody who signs certificates, and the files of it."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=test authority", "-keyout", self._key, "-out", self.certificate),
        )

    def sign(self, name: str, alternative: str = "") -> tuple[Path, Path]:
        """Return a certificate and its key; `alternative` is such as `IP:127.0.0.1`."""
        certificate, key, request, extensions = (
            self._folder / f"{name}.{kind}" for kind in ("pem", "key", "csr", "ext")
        )
        extensions.write_text(f"subjectAltName={alternative}" if alternative else "")
        _openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate),
        )
        return certificate, key


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
