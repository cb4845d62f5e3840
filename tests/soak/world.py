"""A gateway, its Home Assistant, and what is seen of both while people telephone."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

import support
from soak.trips import MENU
from support import process
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    import contextlib

INSIGHT = Path(support.__file__).parent / "insight"
_TAKE_EVERY_S = 0.01
_KEPT_LINES = 3_000
_LISTENING = "listener"


class World:
    """Everything that a soak needs; what it records of calls is taken out when they are judged."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, build: str) -> None:
        self.recordings, cache, self.scratch = (folder / n for n in ("recordings", "cache", "tmp"))
        for path in (self.recordings, cache, self.scratch):
            path.mkdir()
        self.house = stack.enter_context(StandInHomeAssistant())
        # A path of a socket may have no more than 107 characters.
        self._insight = os.path.relpath(folder / "insight")
        self.gateway = GatewayProcess(
            folder,
            house=self.house,
            menu_file=MENU,
            python=python_of(build),
            LOG_LEVEL="1",
            CACHE_DIR=str(cache),
            TMPDIR=str(self.scratch),
            INSIGHT=str(folder / "insight"),
            PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{INSIGHT}",
            SIP2_ENABLED="true",
            SIP2_ID_URI=f"sip:{_LISTENING}@127.0.0.1",
            SIP2_ANSWER_MODE="listen",
        )
        stack.enter_context(self.gateway)
        self.listening_uri = f"sip:{_LISTENING}@127.0.0.1:{self.gateway.port}"
        self.services = 0
        self.strays: Counter[str] = Counter()  # events that belong to no call
        self.failures: list[str] = []  # lines of the log that ought not to be there
        self._events: defaultdict[str, list[str]] = defaultdict(list)
        self._is_over = threading.Event()
        self._taker = threading.Thread(target=self._take_all, name="soak-events", daemon=True)

    def __enter__(self) -> Self:
        """Begin to take what Home Assistant is told."""
        self._taker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop taking."""
        self._is_over.set()
        self._taker.join(5)

    def events(self, name: str) -> list[str]:
        """Return the events of the call with a phone of that name, so far."""
        return list(self._events[name])

    def forget(self, name: str) -> None:
        """Keep the events of a call no longer."""
        self._events.pop(name, None)

    def wait_event(self, name: str, event: str, timeout_s: float) -> None:
        """Wait until a call has an event."""
        wait_until(lambda: event in self._events[name], f"{event} of {name}", timeout_s)

    def look(self) -> dict[str, float]:
        """Return what the gateway holds now, inside and as the system sees it."""
        pid = self.gateway.pid
        status = process.status_of(pid)
        kib = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
        return {
            "memory, MiB": int(kib) / 1024,
            "descriptors": process.descriptors(pid),
            "threads": process.threads(pid),
            "temporary files": sum(1 for _ in self.scratch.rglob("*")),
            "recordings": sum(1 for _ in self.recordings.iterdir()),
            **self._inside(),
        }

    def _inside(self) -> dict[str, float]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.settimeout(30)
            asker.connect(self._insight)
            with asker.makefile("rb") as answer:
                found: dict[str, float] = json.loads(answer.readline())
        assert "error" not in found, found
        return found

    def _take_all(self) -> None:
        while not self._is_over.wait(_TAKE_EVERY_S):
            while self.house.requests:
                request = self.house.requests.pop(0)
                if request.path.startswith("webhook/"):
                    self._take_event(request.body)
                elif request.path.startswith("services/"):
                    self.services += 1
            lines = self.gateway.lines
            if len(lines) > _KEPT_LINES:
                self.look_at_log()
                del lines[: -_KEPT_LINES // 2]

    def look_at_log(self) -> None:
        """Keep what is wrong in the log."""
        self.failures += [
            line
            for line in self.gateway.lines
            if ("ERROR" in line or "Traceback" in line) and line not in self.failures
        ][:20]

    def _take_event(self, body: dict[str, str]) -> None:
        name = body.get("parsed_remote_uri")
        if name is None:
            said = [body[key] for key in ("event", "command", "error") if key in body]
            self.strays[": ".join(said)] += 1
        else:
            self._events[name].append(body["event"])
