"""A flood of SIP requests by UDP, in a process of its own, so that it disturbs no measurement.

`python sip_flood.py HOST PORT SOURCE SECONDS UNTIL METHOD=PER_SECOND…` sends for so long at least,
and until there is a line on stdin. Then only INVITEs go on, 100 a second and for 20 s at most,
until there was an answer `UNTIL` (such as "INVITE 486"; with "-" none go on). It prints as JSON how
many answers of which status (and Retry-After) each kind of request got. A kind is a method; `~`
before it has it say that it is within a dialog, which there is not. Calls that were taken get no
ACK, and are hung up when stdin is closed.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import random
import re
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
WAIT_FOR_ANSWERS_S = 1.0
GO_ON_PER_S, GO_ON_FOR_S = 100, 20
HANG_UPS_PER_S = 200
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
_RETRY_AFTER = re.compile(rb"^Retry-After: *(\d+)", re.MULTILINE)
_KIND = re.compile(rb"^Call-ID: ([^-\r\n]+)-", re.MULTILINE | re.IGNORECASE)
_REPEATED = re.compile(rb"^(?:From|To|Call-ID):[^\r\n]*\r\n", re.MULTILINE)
_CONTACT = re.compile(rb"^Contact: *<([^>\r\n]+)>", re.MULTILINE)


class Flood:
    """The one who sends, and what he was answered."""

    def __init__(self, host: str, port: int, source: str) -> None:
        self.seen = collections.Counter[str]()
        self.sent = 0
        self._to = (host, port)
        self._taken: list[bytes] = []  # what answered the INVITEs that were taken
        self._is_over = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.settimeout(0.1)
        self._own = "{}:{}".format(*self._socket.getsockname())
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Read no more."""
        self._is_over.set()
        self._reader.join()
        self._socket.close()

    def send_all(self, per_s: dict[str, int], goes_on: Callable[[float], bool]) -> float:
        """Send so many of each kind a second, in a random order; returns how long it took."""
        turns = [kind for kind, rate in per_s.items() for _ in range(rate)]
        random.Random(1).shuffle(turns)
        started = time.monotonic()
        for number in itertools.count():
            took_s = time.monotonic() - started
            if not goes_on(took_s):
                break
            self._send(self._request(turns[number % len(turns)]))
            time.sleep(max(0.0, number / len(turns) - took_s))
        return took_s

    def hang_up(self) -> None:
        """End all calls that were taken."""
        for answer in list(self._taken):
            contact = _CONTACT.search(answer)
            if contact is not None:
                self._send(
                    b"BYE " + contact[1] + b" SIP/2.0\r\n" + self._via(self._unique()).encode()
                    + b"".join(_REPEATED.findall(answer))
                    + b"CSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                )  # fmt: skip
                time.sleep(1 / HANG_UPS_PER_S)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(data, self._to)

    def _via(self, unique: str) -> str:
        return f"Via: SIP/2.0/UDP {self._own};branch=z9hG4bK{unique}\r\n"

    def _unique(self) -> str:
        self.sent += 1
        return f"{self.sent}.{random.getrandbits(32):x}"

    def _request(self, kind: str) -> bytes:
        method = kind.removeprefix("~")
        unique = self._unique()
        tag = f";tag=forged{unique}" if kind.startswith("~") else ""
        body = SDP if method == "INVITE" else ""
        host, port = self._to
        return (
            f"{method} sip:house@{host}:{port} SIP/2.0\r\n{self._via(unique)}"
            f"From: <sip:flood{self.sent % 1000}@{self._own}>;tag={unique}\r\n"
            f"To: <sip:house@{host}>{tag}\r\n"
            f"Call-ID: {kind}-{unique}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:flood@{self._own}>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _read(self) -> None:
        """Count final answers by kind and status; each transaction once."""
        counted = set[tuple[bytes, bytes]]()
        while not self._is_over.is_set():
            try:
                answer = self._socket.recv(65_536)
            except TimeoutError:
                continue
            status, kind = _STATUS.match(answer), _KIND.search(answer)
            if status is None or kind is None or status[1].startswith(b"1"):
                continue
            line = answer[kind.start() : answer.index(b"\r", kind.start())]
            if (line, status[1]) in counted:
                continue
            counted.add((line, status[1]))
            said = [kind[1], status[1], *_RETRY_AFTER.findall(answer)]
            self.seen[b" ".join(said).decode()] += 1
            if (kind[1], status[1]) == (b"INVITE", b"200"):
                self._taken.append(answer)


def main() -> None:
    """Send for a while, tell of it, and clear up when told so."""
    host, port, source, seconds, until, *rates = sys.argv[1:]
    per_s = {kind: int(rate) for kind, _, rate in (one.partition("=") for one in rates)}
    flood = Flood(host, int(port), source)
    stop = threading.Thread(target=sys.stdin.readline, daemon=True)
    stop.start()
    try:
        took_s = flood.send_all(per_s, lambda took_s: took_s < float(seconds) or stop.is_alive())
        if until != "-":
            flood.send_all(
                {"INVITE": GO_ON_PER_S},
                lambda took_s: took_s < GO_ON_FOR_S and until not in flood.seen,
            )
        time.sleep(WAIT_FOR_ANSWERS_S)
        told = {"sent": flood.sent, "took_s": round(took_s, 2), "answers": dict(flood.seen)}
        print(json.dumps(told), flush=True)
        sys.stdin.read()
        flood.hang_up()
    finally:
        flood.close()


if __name__ == "__main__":
    main()
