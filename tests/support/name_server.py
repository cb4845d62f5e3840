"""A real name server: unbound with records of the test's own, on port 53."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAM = "/usr/sbin/unbound"
PORT = 53  # pjsip takes no other

CONFIGURATION = """server:
    interface: {host}
    access-control: 0.0.0.0/0 allow
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    log-queries: yes
    num-threads: 1
    local-zone: "{zone}" static
{records}
remote-control:
    control-enable: no
"""


class NameServer(Server):
    """Knows one zone and nothing else; a record is `name type data`, names in full."""

    def __init__(self, folder: Path, host: str, zone: str, records: Sequence[str]) -> None:
        folder.mkdir(exist_ok=True)
        lines = "\n".join(f"    local-data: '{record}'" for record in records)
        config = folder / "unbound.conf"
        config.write_text(
            CONFIGURATION.format(host=host, folder=folder, zone=zone, records=lines),
            encoding="utf-8",
        )
        super().__init__([PROGRAM, "-d", "-c", str(config)], PORT, folder / "unbound.log", host)

    def asked(self) -> str:
        """Return its log, with a line a question."""
        return self.log.read_text(encoding="utf-8")
