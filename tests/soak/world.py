"""A gateway, its Home Assistant, and what is seen of both while people telephone."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Self

from soak.trips import MENU
from support import process
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.inside import Inside
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence
    from pathlib import Path

_TAKE_EVERY_S = 0.01
_KEPT_LINES = 3_000
_LISTENING = "listener"


class World:
    """Everything that a soak needs; what it records of calls is taken out when they are judged."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        folder: Path,
        build: str,
        forgets_after_s: float | None = None,
        plants: Sequence[str] = (),
    ) -> None:
        """Take for how long pjsip keeps what is over, in place of 32 s, and faults to plant."""
        self.recordings, cache, self.scratch = (folder / n for n in ("recordings", "cache", "tmp"))
        for path in (self.recordings, cache, self.scratch):
            path.mkdir()
        self.house = stack.enter_context(StandInHomeAssistant())
        self._inside = Inside(folder)
        settings = {"INSIGHT_PLANTS": ",".join(plants)}
        if forgets_after_s is not None:
            settings["INSIGHT_FORGETS_AFTER_MS"] = str(round(1_000 * forgets_after_s))
        self.gateway = GatewayProcess(
            folder,
            house=self.house,
            menu_file=MENU,
            python=python_of(build),
            LOG_LEVEL="1",
            CACHE_DIR=str(cache),
            TMPDIR=str(self.scratch),
            **self._inside.settings,
            **settings,
            SIP2_ENABLED="true",
            SIP2_ID_URI=f"sip:{_LISTENING}@127.0.0.1",
            SIP2_ANSWER_MODE="listen",
        )
        stack.enter_context(self.gateway)
        self.listening_uri = f"sip:{_LISTENING}@127.0.0.1:{self.gateway.port}"
        self.services = 0
        self.strays: Counter[str] = Counter()  # events that belong to no call that is judged
        self.failures: list[str] = []  # lines of the log that ought not to be there
        self._events: defaultdict[str, list[str]] = defaultdict(list)
        self._over: set[str] = set()
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
        """Keep the events of a call no longer; none may come any more."""
        self._over.add(name)
        self._events.pop(name, None)

    def wait_event(self, name: str, event: str, timeout_s: float) -> None:
        """Wait until a call has an event."""
        wait_until(lambda: event in self._events[name], f"{event} of {name}", timeout_s)

    def look(self, *, is_at_rest: bool = False) -> dict[str, float]:
        """Return what the gateway holds now, inside and as the system sees it."""
        pid = self.gateway.pid
        return {
            "memory, MiB": process.own_resident_mib(pid),
            "descriptors": process.descriptors(pid),
            "threads": process.threads(pid),
            "temporary files": sum(1 for _ in self.scratch.rglob("*")),
            "recordings": sum(1 for _ in self.recordings.iterdir()),
            **self._inside.look(collects=is_at_rest),
        }

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
        elif name in self._over:
            self.strays[f"{body['event']} of {name}, after its last"] += 1
        else:
            self._events[name].append(body["event"])
