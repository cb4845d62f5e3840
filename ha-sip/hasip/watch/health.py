"""Answers whether the gateway is well: the loop turns, pjsip turns, commands are read.

The question comes by a Unix socket, to a thread of its own, and goes once around through the loop
and through a thread of pjsip's. So the answer is not what somebody noted a while ago, and nothing
happens while nobody asks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from hasip.watch.probe import WELL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.loop import Loop

    # Asks whether commands are still read; what it returns waits for the answer, so many seconds.
    Intake = Callable[[], Callable[[float], bool]]

_log = logging.getLogger(__name__)

# How long the loop, then pjsip, then what reads commands may take, and all of them together.
PART_WITHIN_S = 2.0
ALL_WITHIN_S = 3.0
_ASKER_WITHIN_S = 1.0
# How often it is looked whether the socket's file is still there.
LOOK_EVERY_S = 2.0


class HealthSocket:
    """A Unix socket; whoever connects is told in a line how the gateway is."""

    def __init__(
        self,
        path: str,
        loop: Loop,
        *,
        pulse: Callable[[Callable[[], None]], None],
        intakes: Mapping[str, Intake],
    ) -> None:
        """Take what is watched.

        `pulse` is called on the loop and has pjsip call back, on whatever thread; `intakes` are
        asked, by their names, whether commands are still read there.
        """
        self._path = path
        self._loop = loop
        self._pulse = pulse
        self._intakes = intakes
        self._socket: socket.socket | None = None
        self._is_over = False
        self._has_warned = False
        self._last_said = WELL

    def start(self) -> None:
        """Begin to answer; where that can't be, the log says so and it is tried again for ever."""
        self._listen()
        threading.Thread(target=self._serve, name="health", daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._is_over = True
        listener, self._socket = self._socket, None
        if listener is not None:
            listener.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108

    def _listen(self) -> None:
        """Make the socket; also its folder, which somebody may have tidied away."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.makedirs(os.path.dirname(self._path) or ".", 0o700, exist_ok=True)  # noqa: PTH103, PTH120
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # noqa: PTH108 - of one that was killed
            listener.bind(self._path)
            os.chmod(self._path, 0o600)  # noqa: PTH101
            listener.listen(4)
        except OSError as error:
            listener.close()
            if not self._has_warned:
                self._has_warned = True
                _log.warning("Nobody can ask for our health, %s: %s", self._path, error)
            return
        if self._has_warned:
            self._has_warned = False
            _log.warning("Our health can be asked for again, %s", self._path)
        listener.settimeout(LOOK_EVERY_S)
        self._socket = listener

    def _serve(self) -> None:
        while not self._is_over:
            listener = self._socket
            if listener is None:
                time.sleep(LOOK_EVERY_S)
                self._look()
                continue
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                self._look()
                continue
            except OSError:
                time.sleep(LOOK_EVERY_S)  # closed, or out of descriptors, which may take a while
                continue
            self._serve_all(listener, connection)

    def _serve_all(self, listener: socket.socket, first: socket.socket) -> None:
        """Answer one who asks, and the same to who came meanwhile: he would wait for too long."""
        answer = self._answer().encode() + b"\n"
        connections = [first]
        with contextlib.suppress(OSError):  # there is nobody else
            listener.settimeout(0)
            while True:
                connections.append(listener.accept()[0])
        with contextlib.suppress(OSError):  # it is closed
            listener.settimeout(LOOK_EVERY_S)
        for connection in connections:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_ASKER_WITHIN_S)
                connection.sendall(answer)

    def _look(self) -> None:
        """Make the socket anew where its file is gone; nobody could ask, and we would be killed."""
        if self._is_over or os.path.exists(self._path):  # noqa: PTH110
            return
        old, self._socket = self._socket, None
        if old is not None:
            old.close()
            _log.warning("The socket for our health, %s, was deleted; it is made anew", self._path)
        self._listen()

    def _answer(self) -> str:
        found, waited = self._look_at_all()
        if found != self._last_said:
            if found == WELL:
                _log.warning("Health: all is well again")
            else:
                _log.error("Health: %s%s", found, waited)
        self._last_said = found
        return found + waited

    def _look_at_all(self) -> tuple[str, str]:
        """Return `WELL`, or which part does not answer first, and how long that was waited for."""
        turned, pulsed = threading.Event(), threading.Event()
        ends_at = time.monotonic() + ALL_WITHIN_S

        def left_s() -> float:
            return min(PART_WITHIN_S, max(0.0, ends_at - time.monotonic()))

        def look() -> None:
            turned.set()
            self._pulse(pulsed.set)

        # All are asked first: one that is slow leaves those after it no less time to answer.
        self._loop.post(look)
        asked = {name: ask() for name, ask in self._intakes.items()}
        if not turned.wait(within_s := left_s()):
            return "the loop has not turned", f" for {within_s:.2g} s"
        if not pulsed.wait(within_s := left_s()):
            return "pjsip has not turned", f" for {within_s:.2g} s"
        silent = [name for name, reads in asked.items() if not reads(left_s())]
        return f"no commands are read from {', '.join(silent)}" if silent else WELL, ""
