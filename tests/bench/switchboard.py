"""Answers many calls; their audio goes to the listener, a program in C."""

from __future__ import annotations

import array
import contextlib
import re
import socket
import subprocess
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from support.audio import RATE_HZ
from support.phone.g711 import PCMU, decode
from support.phone.message import parse
from support.phone.phone import response_to
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

# Where the tone of a stream is measured: the whole of its middle half second.
TONE_SAMPLES = RATE_HZ // 2


class Switchboard:
    """Phones `sip:0@ADDRESS`, `sip:1@ADDRESS`, …, one call each."""

    def __init__(self, listener: Path, folder: Path, phones: int) -> None:
        self.heard: list[tuple[int, int]] = []  # at the end: packets that came, and that did not
        self.ended_early: frozenset[int] = frozenset()  # phones whose call had a BYE by then
        self._ended: set[int] = set()
        self._calls: dict[str, int] = {}  # Call-ID -> phone
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
        wait_until(lambda: len(self._calls) >= count, f"{count} calls", 30)

    def let_end(self) -> None:
        """Take note of what has ended so far: from now on calls may."""
        self.ended_early = frozenset(self._ended)

    def listen_no_more(self) -> None:
        """Have the listener say what each stream got, and what it missed."""
        said, _ = self._listener.communicate("", timeout=60)
        self.heard = [(int(got), int(lost)) for got, lost in map(str.split, said.splitlines())]

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
            try:
                request = parse(data)
            except ValueError:  # of another program's call, which had the port before
                continue
            if request.is_response or request.method == "ACK":
                continue
            answer = response_to(request, 200, "OK", "switchboard")
            if request.method == "INVITE":
                self._agree(request, answer)
            elif request.method == "BYE" and request["call-id"] in self._calls:
                self._ended.add(self._calls[request["call-id"]])
            with contextlib.suppress(OSError):  # the bench has gone meanwhile
                self._socket.sendto(answer.encode(), address)

    def _agree(self, request: Message, answer: Message) -> None:
        found = re.search(r"sip:(\d+)@", request.start)
        assert found is not None, request.start
        phone = self._calls[request["call-id"]] = int(found[1])
        answer.headers += [
            ("contact", f"<{self.uri(phone)}>"),
            ("content-type", "application/sdp"),
        ]
        media = f"m=audio {self._ports[phone]} RTP/AVP 0 101"
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", media]
        lines += ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=ptime:20"]
        answer.body = "\r\n".join([*lines, ""])
