"""SIPp as a caller and as a callee: a foreign SIP stack that counts its own failures."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def run_caller(
    scenario: str, target: tuple[str, int], user: str, folder: Path, *, calls: int = 1
) -> None:
    """Run a built-in or own scenario to its end; raises AssertionError unless all calls worked."""
    done = subprocess.run(
        [
            *("sipp", "-sn" if scenario in ("uac", "uac_pcap") else "-sf", scenario),
            *("-i", "127.0.0.1", "-s", user, "-m", str(calls), "-l", "1", "-d", "500"),
            *("-timeout", "30", "-timeout_error", "-nostdin", f"{target[0]}:{target[1]}"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"SIPp ended with {done.returncode}\n{done.stdout[-3000:]}"


def start_callee(port: int, folder: Path, *, calls: int = 1) -> subprocess.Popen[bytes]:
    """Start SIPp's answering scenario, and wait for it; it ends by itself after so many calls."""
    process = subprocess.Popen(
        [
            *("sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-m", str(calls)),
            *("-timeout", "60", "-timeout_error", "-nostdin"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: _is_taken(port), "SIPp listens")
    return process


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
