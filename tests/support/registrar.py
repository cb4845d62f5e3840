"""A registrar that behaves as a test wants it to: it answers late, never, or with a refusal."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

from support.listener import Listening

if TYPE_CHECKING:
    from collections.abc import Callable

KEEP_ALIVE = b"\r\n"


class Answer:
    """What a REGISTER is answered with."""

    def __init__(
        self, status: str = "200 OK", *, headers: str = "", expires_s: int = 300, after_s: float = 0
    ) -> None:
        self.status = status
        self.headers = headers  # each with its end of line
        self.expires_s = expires_s
        self.after_s = after_s


class ScriptedRegistrar(Listening):
    """Listens on 127.0.0.1, by UDP; keeps the requests, with their times, and keep-alives."""

    def __init__(self, answer: Callable[[str], Answer | None]) -> None:
        """Answer each REGISTER with what `answer` makes of it; None: not at all."""
        self.requests: list[tuple[float, str]] = []
        self.keep_alives: list[float] = []
        self._answer = answer
        super().__init__(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), self._take, "registrar")
        self._socket.bind(("127.0.0.1", 0))
        self.uri = f"sip:127.0.0.1:{self._socket.getsockname()[1]}"
        self._answered: dict[str, bytes] = {}

    def _take(self, data: bytes, address: tuple[str, int]) -> None:
        if data.startswith(KEEP_ALIVE):
            self.keep_alives.append(time.monotonic())
            return
        request = data.decode()
        branch = _header(request, "Via")
        if branch in self._answered:  # a retransmission
            return
        self._answered[branch] = b""
        self.requests.append((time.monotonic(), request))
        answer = self._answer(request)
        if answer is not None:
            data = _response(request, answer).encode()
            timer = threading.Timer(answer.after_s, self._send, (data, address))
            timer.daemon = True
            timer.start()

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # it has gone meanwhile
            self._socket.sendto(data, address)


def _response(request: str, answer: Answer) -> str:
    kept = "".join(
        f"{name}: {_header(request, name)}{';tag=r' if name == 'To' else ''}\r\n"
        for name in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    bindings = ""
    if answer.status.startswith("200"):
        expires = 0 if re.search(r"^Expires: 0\b", request, re.MULTILINE) else answer.expires_s
        bindings = (
            f"Contact: {_header(request, 'Contact')};expires={expires}\r\n" if expires else ""
        )
    return f"SIP/2.0 {answer.status}\r\n{kept}{bindings}{answer.headers}Content-Length: 0\r\n\r\n"


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""
