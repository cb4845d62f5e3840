"""A real STUN and TURN server: coturn, by UDP, TCP and TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "/usr/bin/turnserver"
PORT, TLS_PORT = 3478, 5349
USER, PASSWORD, REALM = "hasip", "turn-secret", "example.org"


class Coturn(Server):
    """Answers STUN to everybody, and relays for one user."""

    def __init__(
        self, folder: Path, host: str, certificate: tuple[Path, Path] | None = None
    ) -> None:
        """Listen at `host`; with a certificate (its file, its key's file) by TLS as well."""
        folder.mkdir(exist_ok=True)
        command = [
            *(PROGRAM, "-n", "--no-cli", "--listening-ip", host, "--relay-ip", host),
            *("--listening-port", str(PORT), "--tls-listening-port", str(TLS_PORT)),
            *("--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", REALM),
            *("--verbose", "--simple-log", "--log-file", "stdout", "--no-dtls"),
            *("--userdb", str(folder / "users"), "--pidfile", str(folder / "pid")),
        ]
        if certificate is None:
            command.append("--no-tls")
        else:
            command += ["--cert", str(certificate[0]), "--pkey", str(certificate[1])]
        super().__init__(command, PORT, folder / "coturn.log", host)

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")
