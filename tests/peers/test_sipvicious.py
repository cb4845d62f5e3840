"""The scanner that rings gateways at night finds neither a name nor a password."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

# Not all of the programs let themselves be bound to an address by an option, and one waits for 10 s
# for an answer that does not come.
LAUNCHER = """
import importlib, socket, sys
source, program = sys.argv[1], sys.argv[2]
del sys.argv[1:3]
bind, set_timeout = socket.socket.bind, socket.socket.settimeout
socket.socket.bind = lambda self, address: bind(self, (source, address[1]))
socket.socket.settimeout = lambda self, seconds: set_timeout(self, min(seconds, 3))
importlib.import_module("sipvicious." + program).main()
"""


NAMES = ("-e95-140", "--force", "-m")
SCANS = (
    ("svmap", "127.0.0.3"),
    ("svwar", "127.0.0.4", *NAMES, "REGISTER"),
    ("svwar", "127.0.0.5", *NAMES, "INVITE"),
    ("svwar", "127.0.0.6", *NAMES, "OPTIONS"),
    ("svcrack", "127.0.0.7", "-u", "100", "-r95-140", "--maximumtime", "3"),
)


def scan(folder: Path, port: int, program: str, source: str, *arguments: str) -> str:
    """Run one of SIPVicious' programs from an address; returns all that it said."""
    folder.mkdir()  # its notes of scans are there
    arguments = ("-t", "0.01", "-p", str(port), *arguments, "127.0.0.1")
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, source, program, *arguments],
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
        with ThreadPoolExecutor(len(SCANS)) as pool:
            running = [
                pool.submit(scan, tmp_path / source, gateway.port, program, source, *arguments)
                for program, source, *arguments in SCANS
            ]
        said = [one.result() for one in running]

        print("\n".join(said))
        found = "\n".join(said[1:])
        assert "| 100 " not in found
        assert "reqauth" not in found.lower()
        told = [line for line in gateway.own_lines if "was refused" in line]
        assert sorted(line.split()[6] for line in told) == [source for _, source, *_ in SCANS]
        assert house.event_names.count("incoming_call") == 0
