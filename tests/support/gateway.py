"""Runs the real gateway as a process of its own, with a log to look at and a stdin to talk to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

import yaml

from support.home_assistant import TOKEN
from support.ports import free_port, in_uri, rtp_port
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence

    from support.home_assistant import StandInHomeAssistant

PACKAGE_DIR = Path(__file__).parents[2] / "ha-sip"
WEBHOOK_ID = "all_events"
START_PATIENCE_S = 60.0


class GatewayProcess:
    """The gateway, started as a user starts it; on 127.0.0.1 if nothing else is said."""

    started: ClassVar[list[GatewayProcess]] = []  # by the test that runs
    _all: ClassVar[weakref.WeakSet[GatewayProcess]] = weakref.WeakSet()

    def __init__(
        self,
        folder: Path,
        *,
        house: StandInHomeAssistant | None = None,
        menu_file: Mapping[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        prefix: Sequence[str] = (),
        arguments: Sequence[str] = (),
        python: str = sys.executable,
        program: Sequence[str] | None = None,
        **environment: str,
    ) -> None:
        """Run in `folder`, by the command `prefix` if it is given, with that interpreter.

        `program` is run in place of all that, for example a container that has its own settings.
        Keyword arguments are environment variables over good defaults.
        """
        self.folder = folder
        self.port = port or free_port()
        self.address = (host, self.port)
        self.uri = f"sip:house@{in_uri(host)}:{self.port}"
        self.lines: list[str] = []
        self._is_killed = False
        variables = {
            "PORT": str(self.port),
            "LOG_LEVEL": "4",
            "GLOBAL_OPTIONS": f"--bind-address {host} --rtp-port {rtp_port(self.port)}",
            "SIP1_ENABLED": "true",
            "SIP1_ID_URI": self.uri,
            "SIP1_ANSWER_MODE": "accept",
            "SIP1_SETTLE_TIME": "0.1",
        }
        if menu_file is not None:
            path = folder / "incoming.yaml"
            path.write_text(yaml.safe_dump(dict(menu_file)), encoding="utf-8")
            variables["SIP1_INCOMING_CALL_FILE"] = str(path)
        if house is not None:
            variables |= {
                "HA_BASE_URL": house.base_url,
                "HA_WEBSOCKET_URL": house.websocket.url,
                "HA_TOKEN": TOKEN,
                "HA_WEBHOOK_ID": WEBHOOK_ID,
                "TTS_ENGINE_ID": "tts.espeak",
            }
        variables |= environment
        self._process = subprocess.Popen(
            program or [*prefix, python, "-m", "hasip", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read_log, name="gateway-log", daemon=True)
        self._reader.start()
        GatewayProcess.started.append(self)
        GatewayProcess._all.add(self)

    @classmethod
    def all_in(cls, folder: Path) -> list[GatewayProcess]:
        """Return those that were run in a folder, or below it."""
        return [one for one in list(cls._all) if one.folder.is_relative_to(folder)]

    def __enter__(self) -> Self:
        """Wait until the gateway is up."""
        try:
            self.wait_log("ha-sip started", START_PATIENCE_S)
        except AssertionError:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it; a gateway that has died must not go unnoticed."""
        died = self._process.poll()
        if died is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close_pipes()
        if died and not self._is_killed:
            raise AssertionError("\n".join([f"the gateway died with {died}", *self.lines[-60:]]))

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def command(self, command: Mapping[str, Any]) -> None:
        """Write a command to stdin."""
        self.write(json.dumps(command).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Write bytes to stdin."""
        stdin = self._pipe()
        stdin.write(data)
        stdin.flush()

    def end_input(self) -> None:
        """Close stdin."""
        self._pipe().close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self._is_killed = True
        self._process.kill()
        self._process.wait(10)
        self._close_pipes()

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for the end of the process; returns its exit code."""
        code = self._process.wait(timeout_s)
        self._close_pipes()
        return code

    def wait_log(self, text: str, timeout_s: float = PATIENCE_S, since: int = 0) -> str:
        """Wait for a line that holds `text`; returns it."""
        try:
            wait_until(lambda: self._find(text, since), f"log line with {text!r}", timeout_s)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines[-60:]])) from None
        return self._find(text, since) or ""

    def wait_lines(
        self, text: str, count: int, timeout_s: float = PATIENCE_S, since: int = 0
    ) -> list[str]:
        """Wait for so many lines that hold `text`; returns all there are.

        What was told otherwise may be known before its line was read.
        """

        def found() -> list[str]:
            return [line for line in self.lines[since:] if text in line]

        wait_until(lambda: len(found()) >= count, f"{count} log lines with {text!r}", timeout_s)
        return found()

    @property
    def longest_step_s(self) -> float:
        """Return how long a step of the loop held up all others, as far as the log says so."""
        found = (re.search(r"A step of the loop took (\d+) ms", line) for line in self.lines)
        return max((int(took[1]) / 1000 for took in found if took), default=0.0)

    @property
    def own_lines(self) -> list[str]:
        """Return the lines of ha-sip itself, without those of pjsip."""
        return [line for line in self.lines if line.startswith("|")]

    def _close_pipes(self) -> None:
        self._reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _find(self, text: str, since: int) -> str | None:
        return next((line for line in self.lines[since:] if text in line), None)

    def _pipe(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
