"""An attacker's end of SIP by UDP: sends what it is given, and can be polite where it has to."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.sip_text import CANCEL, SDP, filled, fresh_invite
from support.phone.message import Message, parse, uri_in

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST = 65_536


@dataclass(slots=True)
class Dialog:
    """A call of ours that was answered."""

    call_id: str
    local: str
    remote: str
    target: str
    sdp: str
    cseq: int = 1


class Wire:
    """A UDP socket on 127.0.0.1; requests that come in while it waits are answered with 200."""

    _tokens = itertools.count(1)

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._last: tuple[str, int] = ("127.0.0.1", 9)

    def close(self) -> None:
        """Go."""
        self.socket.close()

    def token(self) -> str:
        """Return a name for a branch, a tag and a Call-ID that was never there."""
        return f"{next(self._tokens):x}z{self.port:x}"

    def known(self, port: int, **values: str | int) -> dict[str, str | int]:
        """Return what messages to the gateway on that port are filled with."""
        return {
            "OWN": self.port, "PORT": port, "TOKEN": self.token(), "TRANSPORT": "UDP", **values
        }  # fmt: skip

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, as much of it as one can hold."""
        with contextlib.suppress(OSError):
            self.socket.sendto(data[:60_000], address)

    def wait(self, is_it: Callable[[Message], bool], seconds: float) -> Message | None:
        """Return the first message of a kind; others are answered, or thrown away."""
        ends_at = time.monotonic() + seconds
        while (left_s := ends_at - time.monotonic()) > 0:
            self.socket.settimeout(left_s)
            try:
                data, self._last = self.socket.recvfrom(_LARGEST)
                message = parse(data)
            except (OSError, ValueError):
                continue
            with contextlib.suppress(KeyError, ValueError, IndexError):
                if is_it(message):
                    return message
                if not message.is_response and message.method not in ("ACK", "INVITE"):
                    self.send(agreed(message), self._last)
        return None

    @property
    def last_address(self) -> tuple[str, int]:
        """Return where the last message came from."""
        return self._last

    def drain(self) -> None:
        """Take what is there."""
        self.wait(lambda _: False, 0.002)

    def call(self, address: tuple[str, int], sdp: bytes = SDP) -> Dialog | None:
        """Call the gateway and take its answer; None where it does not take the call in time."""
        known = self.known(address[1])
        token = str(known["TOKEN"])
        self.send(filled(fresh_invite(sdp), known), address)
        answer = self.wait(
            lambda message: (
                message.is_response and message["call-id"] == token and message.status >= 200
            ),
            1.5,
        )
        if answer is None:
            # It may ring for ever, and a gateway takes only so many calls.
            self.send(filled(CANCEL, known), address)
            self.drain()
            return None
        dialog = Dialog(
            token,
            answer["from"],
            answer["to"],
            uri_in(answer.get("contact") or "<sip:x>"),
            answer.body,
        )
        self.request(dialog, "ACK", address)
        return dialog if answer.status < 300 else None

    def request(self, dialog: Dialog, method: str, address: tuple[str, int]) -> None:
        """Send a good request without a body."""
        if method != "ACK":
            dialog.cseq += 1
        head = (
            f"{method} {dialog.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.token()}\r\n"
            f"Max-Forwards: 70\r\nFrom: {dialog.local}\r\nTo: {dialog.remote}\r\n"
            f"Call-ID: {dialog.call_id}\r\nCSeq: {dialog.cseq} {method}\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        self.send(head.encode(), address)


def agreed(request: Message) -> bytes:
    """Return a 200 to a request."""
    headers = [("via", via) for via in request.all("via")]
    headers += [(name, request[name]) for name in ("from", "to", "call-id", "cseq")]
    return Message("SIP/2.0 200 OK", headers).encode()


def facts_of(request: Message) -> dict[str, str]:
    """Return what an answer to a request is filled with."""
    return {
        "VIAS": "".join(f"Via: {via}\r\n" for via in request.all("via")),
        "FROM": request["from"],
        "TO": request["to"],
        "CALL": request["call-id"],
        "CSEQ": request["cseq"],
    }
