"""The scanner that rings gateways at night finds neither a name nor a password."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

# Not all of the programs let themselves be bound to an address by an option.
LAUNCHER = """
import importlib, socket, sys
source, program = sys.argv[1], sys.argv[2]
del sys.argv[1:3]
bind = socket.socket.bind
socket.socket.bind = lambda self, address: bind(self, (source, address[1]))
importlib.import_module("sipvicious." + program).main()
"""


def scan(program: str, source: str, folder: Path, *arguments: str) -> str:
    """Run one of SIPVicious' programs from an address; returns all that it said."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, source, program, "-t", "0.01", *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_scanner_finds_no_name_and_no_password_and_is_told_of_in_few_lines(
    tmp_path: Path,
) -> None:
    port = free_port()
    with (
        Kamailio(tmp_path, port, {"100": "100"}),
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file={},
            **account_at(port, "100", "100"),
        ) as gateway,
    ):
        gateway.wait_log("): registered")
        at = ("-p", str(gateway.port))
        said = [
            scan("svmap", "127.0.0.3", tmp_path, *at, "127.0.0.1"),
            *(
                scan("svwar", f"127.0.0.{number}", tmp_path, *at, "-e95-140", "-m", method, *more)
                for number, method, *more in (
                    (4, "REGISTER", "--force", "127.0.0.1"),
                    (5, "INVITE", "--force", "127.0.0.1"),
                    (6, "OPTIONS", "--force", "127.0.0.1"),
                )
            ),
            scan("svcrack", "127.0.0.7", tmp_path, *at, "-u", "100", "-r95-140", "127.0.0.1"),
        ]

        print("\n".join(said))
        found = "\n".join(said[1:])
        assert "| 100 " not in found
        assert "reqauth" not in found.lower()
        told = [line for line in gateway.own_lines if "was refused" in line]
        assert [line.split()[6] for line in told] == [f"127.0.0.{number}" for number in range(3, 8)]
        assert house.event_names.count("incoming_call") == 0
