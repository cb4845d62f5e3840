"""SIPp as a caller and as a callee: a foreign SIP stack that counts its own failures."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.rtp import AudioStream
    from support.sipp_script import Script


def run_sipp(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run SIPp to its end, 30 s at most, whatever that end is."""
    return subprocess.run(
        ["sipp", *map(str, arguments), "-timeout", "30", "-nostdin"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_caller(
    scenario: str, target: tuple[str, int], user: str, folder: Path, *, calls: int = 1
) -> None:
    """Run a built-in or own scenario to its end; raises AssertionError unless all calls worked."""
    done = run_sipp(
        folder,
        *("-sn" if scenario in ("uac", "uac_pcap") else "-sf", scenario),
        *("-i", "127.0.0.1", "-s", user, "-m", str(calls), "-l", "1", "-d", "500"),
        *("-timeout_error", f"{target[0]}:{target[1]}"),
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


class Sipp:
    """SIPp with a script of ours, for one call."""

    def __init__(
        self,
        script: Script,
        folder: Path,
        *,
        target: tuple[str, int] | None = None,
        patience_s: int = 20,
    ) -> None:
        """Call `house` at that address, or wait to be called at `uri`; give up after so long."""
        self._folder, self._script, self._target = folder, script, target
        self._patience_s = patience_s
        for _ in range(3):
            self._start()
            wait_until(lambda: self._is_over or _is_taken(self.port), "SIPp listens")
            if not (self._is_over and "bind" in read(self._errors)):
                break  # else somebody else took the port in between
        if self._is_over:
            self.finish()

    def _start(self) -> None:
        self.port = free_port()
        self.uri = f"sip:sipp@127.0.0.1:{self.port}"
        path = self._folder / f"sipp-{self.port}.xml"
        path.write_text(self._script.xml, encoding="utf-8")
        self._messages, self._errors = path.with_suffix(".log"), path.with_suffix(".errors")
        command = [
            *("sipp", "-sf", str(path), "-i", "127.0.0.1", "-p", str(self.port), "-m", "1"),
            *("-s", "house", "-timeout", str(self._patience_s), "-timeout_error", "-nostdin"),
            *("-trace_msg", "-message_file", str(self._messages)),
            *("-trace_err", "-error_file", str(self._errors)),
        ]
        if self._target is not None:
            command.append("{}:{}".format(*self._target))
        self._process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def _is_over(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be gone, whatever came of it."""
        if not self._is_over:
            self._process.kill()
        self._process.wait(10)

    @property
    def messages(self) -> str:
        """Return all that was sent and received."""
        return read(self._messages)

    def start_media(self, stream: AudioStream, clock_hz: int = 8000) -> None:
        """Have sound go to where the gateway wants it, and digits in the type that it wants."""

        def heard() -> list[tuple[str, str]]:
            texts = re.findall(r"message received.*?(?=^-{10}|\Z)", self.messages, _ALL)
            pattern = rf"^m=audio (\d+).*^a=rtpmap:(\d+) telephone-event/{clock_hz}\b"
            return [found for text in texts for found in re.findall(pattern, text, _ALL)]

        wait_until(heard, "the gateway's SDP")
        port, event_type = heard()[-1]
        stream.start(("127.0.0.1", int(port)), int(event_type))

    def finish(self) -> None:
        """Wait for the end of the script; raises AssertionError if it went otherwise."""
        code = self._process.wait(25)
        told = f"SIPp ended with {code}\n{read(self._errors)}\n{self.messages}"
        assert code == 0, told


_ALL = re.DOTALL | re.MULTILINE


def read(path: Path) -> str:
    """Return what a file holds by now."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
