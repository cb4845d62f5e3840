"""The phone's audio: RTP both ways (RFC 3550), and telephone-events (RFC 4733)."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from support.listener import Listener
from support.phone import g711
from support.ports import family_of

if TYPE_CHECKING:
    from collections.abc import Sequence

# What our SDP calls a telephone-event.
EVENT_TYPE = 101
PACKET_S = 0.02
PACKET_SAMPLES = 160
SAMPLES_PER_MS = 8
EVENT_CODES = "0123456789*#ABCD"
# A digit of 100 ms, and its end said three times (RFC 4733 §2.5.1.4).
DIGIT_PACKETS = 5
END_PACKETS = 3
VOLUME = 10


class HeardEvent(NamedTuple):
    """A packet of a telephone-event."""

    timestamp: int  # the same for all packets of one digit
    digit: str
    is_end: bool
    duration: int  # samples


class AudioStream:
    """Sends 20 ms of G.711 at a time, and keeps all that is heard."""

    def __init__(self, host: str = "127.0.0.1", own_event_type: int = EVENT_TYPE) -> None:
        self.socket = socket.socket(family_of(host), socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port: int = self.socket.getsockname()[1]
        self.announced_port = self.port  # that our SDP says
        self.packet_ms = 20  # what a packet holds: 20, 40, 60
        self._own_event_type = own_event_type
        self.samples: list[int] = []  # heard, at 8 kHz
        self.arrivals: list[float] = []  # monotonic time of every packet
        self.sequence_numbers: list[int] = []
        self.lengths_ms: set[int] = set()  # of the packets heard
        self.events: list[HeardEvent] = []  # every telephone-event packet heard
        self.typed_at: list[float] = []  # monotonic time of every digit's first packet
        self.sends_audio = True
        self.sends_both = False  # audio beside telephone-events
        self.codec = g711.PCMU  # what is sent
        self.loses = 0.0  # this share of all packets
        self.chance = random.Random()  # which ones
        self._peer: tuple[str, int] | None = None
        self._event_type: int | None = None
        self._to_say: deque[list[int]] = deque()
        self._to_type: deque[str] = deque()
        self._sequence = random.randrange(0x8000)
        self._timestamp = random.randrange(0x80000000)
        self._source = random.randrange(0x100000000)
        self._is_over = threading.Event()
        self._lock = (
            threading.Lock()
        )  # a call may end on one thread while it is answered on another
        self._listener = Listener(self.socket, self._take, "phone-rtp")
        self._sender: threading.Thread | None = None

    def start(self, peer: tuple[str, int], event_type: int | None) -> None:
        """Begin to send to the peer, or go on to another one."""
        self._peer, self._event_type = peer, event_type
        with self._lock:
            if self._sender is None and not self._is_over.is_set():
                self._listener.start()
                self._sender = threading.Thread(target=self._send_all, daemon=True)
                self._sender.start()

    def say(self, samples: Sequence[int]) -> None:
        """Send these samples after what is being said; silence follows."""
        padded = [*samples, *([0] * (-len(samples) % PACKET_SAMPLES))]
        for at in range(0, len(padded), PACKET_SAMPLES):
            self._to_say.append(padded[at : at + PACKET_SAMPLES])

    def type_digits(self, digits: str) -> None:
        """Send telephone-events, with a pause after each."""
        if self._event_type is None:
            msg = "telephone-event was not agreed upon"
            raise AssertionError(msg)
        self._to_type.extend(digits)

    @property
    def heard_digits(self) -> str:
        """Return the digits that came as telephone-events."""
        by_timestamp = {event.timestamp: event.digit for event in self.events}
        return "".join(by_timestamp.values())

    def close(self) -> None:
        """Fall silent and deaf."""
        with self._lock:
            self._is_over.set()
            sender = self._sender
        if sender is not None:
            sender.join(1)
        self._listener.stop()
        self.socket.close()

    def _send_all(self) -> None:
        due = time.monotonic()
        event: deque[bytes] = deque()  # payloads that are still to be sent
        began, pause = 0, 0
        held: list[int] = []
        while not self._is_over.is_set():
            if not event and pause == 0 and self._to_type:
                event, pause, began = _event_payloads(self._to_type.popleft()), 3, self._timestamp
                self.typed_at.append(time.monotonic())
            is_typing = bool(event)
            if is_typing:
                self._send_event(event.popleft(), began)
            else:
                pause = max(0, pause - 1)
            if self.sends_both or not is_typing:
                held += self._to_say.popleft() if self._to_say else [0] * PACKET_SAMPLES
                if len(held) >= self.packet_ms * SAMPLES_PER_MS:
                    if self.sends_audio:
                        start = self._timestamp - (len(held) - PACKET_SAMPLES)
                        payload = g711.encode(held, self.codec)
                        self._send(self._packet(self.codec, payload, start))
                    held = []
            self._timestamp = (self._timestamp + PACKET_SAMPLES) & 0xFFFFFFFF
            due += PACKET_S
            self._is_over.wait(max(0.0, due - time.monotonic()))

    def _send_event(self, payload: bytes, began: int) -> None:
        """Send a packet of a digit: all have the timestamp of its start, the first is marked."""
        marked = 0x80 if began == self._timestamp else 0
        self._send(self._packet((self._event_type or 0) | marked, payload, began))

    def send_packet(self, payload_type: int, payload: bytes) -> None:
        """Send a packet of any kind in between."""
        self._send(self._packet(payload_type, payload))

    def _packet(self, kind: int, payload: bytes, began: int | None = None) -> bytes:
        """Return a packet of what began then, or begins now."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        when = (self._timestamp if began is None else began) & 0xFFFFFFFF
        return struct.pack("!BBHII", 0x80, kind, self._sequence, when, self._source) + payload

    def _send(self, packet: bytes) -> None:
        if self._peer is not None and self.chance.random() >= self.loses:
            with contextlib.suppress(OSError):
                self.socket.sendto(packet, self._peer)

    def _take(self, data: bytes, _: object) -> None:
        payload_type = data[1] & 0x7F
        if payload_type == self._own_event_type:
            code, flags, duration = struct.unpack("!BBH", data[12:16])
            timestamp = int.from_bytes(data[4:8], "big")
            self.events.append(
                HeardEvent(timestamp, EVENT_CODES[code], bool(flags & 0x80), duration)
            )
        if payload_type in (g711.PCMU, g711.PCMA):
            self.arrivals.append(time.monotonic())
            self.lengths_ms.add(len(data[12:]) // SAMPLES_PER_MS)
            self.sequence_numbers.append(int.from_bytes(data[2:4], "big"))
            self.samples += g711.decode(data[12:], payload_type)


def _event_payloads(digit: str) -> deque[bytes]:
    """Return the payloads of a digit's packets."""
    payloads: deque[bytes] = deque()
    for number in range(1, DIGIT_PACKETS + END_PACKETS):
        end = 0x80 if number >= DIGIT_PACKETS else 0
        duration = min(number, DIGIT_PACKETS) * PACKET_SAMPLES
        payloads.append(struct.pack("!BBH", EVENT_CODES.index(digit), end | VOLUME, duration))
    return payloads
