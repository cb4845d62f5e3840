"""Answers many calls; their audio goes to the listener, a program in C."""

from __future__ import annotations

import array
import re
import socket
import subprocess
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from support.phone.g711 import PCMU, decode
from support.phone.message import parse
from support.phone.phone import response_to
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

PACKET_SAMPLES = 160
RATE_HZ = 8_000
# Where the tone of a stream is measured: the whole of its middle half second.
TONE_SAMPLES = RATE_HZ // 2


class Switchboard:
    """Phones `sip:0@ADDRESS`, `sip:1@ADDRESS`, …, one call each."""

    def __init__(self, listener: Path, folder: Path, phones: int) -> None:
        self.invited_at: dict[str, float] = {}  # by Call-ID
        self.ended = 0
        self._folder = folder
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._listener = subprocess.Popen(
            [str(listener), str(phones), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._listener.stdout is not None
        self._ports = [int(self._listener.stdout.readline()) for _ in range(phones)]
        self._thread = threading.Thread(target=self._answer_all, name="switchboard", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self._socket.close()
        if self._listener.poll() is None:
            self._listener.kill()
        self._listener.communicate()

    def uri(self, phone: int) -> str:
        """Return a phone's address."""
        return f"sip:{phone}@{self.address}"

    def wait_calls(self, count: int) -> None:
        """Wait until so many calls have come."""
        wait_until(lambda: len(self.invited_at) >= count, f"{count} calls", 30)

    def listen_no_more(self) -> list[tuple[int, int]]:
        """Return how many packets each stream got, and how many it missed."""
        said, _ = self._listener.communicate("", timeout=60)
        return [(int(got), int(lost)) for got, lost in map(str.split, said.splitlines())]

    def gaps_ms(self) -> list[float]:
        """Return the times between packets of a stream that follow each other, of all streams."""
        gaps = array.array("I", (self._folder / "gaps").read_bytes())
        return [gap / 1000 for gap in gaps]

    def tone_hz(self, phone: int) -> float:
        """Return what a phone heard in the middle of its call: the height of a tone."""
        heard = (self._folder / f"{phone}.ulaw").read_bytes()
        at = max(0, len(heard) // 2 - TONE_SAMPLES // 2)
        samples = decode(heard[at : at + TONE_SAMPLES], PCMU)
        rises = sum(a < 0 <= b for a, b in pairwise(samples))
        return rises * RATE_HZ / max(1, len(samples))

    def _answer_all(self) -> None:
        while True:
            try:
                data, address = self._socket.recvfrom(65_536)
            except OSError:
                return
            now = time.monotonic()
            request = parse(data)
            if request.is_response or request.method == "ACK":
                continue
            answer = response_to(request, 200, "OK", "switchboard")
            if request.method == "INVITE":
                self.invited_at.setdefault(request["call-id"], now)
                self._agree(request, answer)
            self.ended += request.method == "BYE"
            self._socket.sendto(answer.encode(), address)

    def _agree(self, request: Message, answer: Message) -> None:
        found = re.search(r"sip:(\d+)@", request.start)
        assert found is not None, request.start
        answer.headers += [
            ("contact", f"<{self.uri(int(found[1]))}>"),
            ("content-type", "application/sdp"),
        ]
        media = f"m=audio {self._ports[int(found[1])]} RTP/AVP 0 101"
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", media]
        lines += ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=ptime:20"]
        answer.body = "\r\n".join([*lines, ""])
