"""A SIP user agent that tests drive: it calls, is called, listens and types."""

from __future__ import annotations

import hashlib
import queue
import random
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from support import audio
from support.listener import Listener
from support.phone.g711 import PCMA, PCMU
from support.phone.message import Message, parse, tag_of, uri_in
from support.phone.rtp import EVENT_TYPE, AudioStream
from support.ports import family_of, in_uri
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# RFC 3261 §17.1.1.1: the first retransmission.
T1_S = 0.5
UNAUTHORIZED = (401, 407)
FIRST_FINAL = 200
SILENCE = 0  # no answer at all
FIRST_ERROR = 300
_CLOSED = -1


def _token() -> str:
    return f"{random.getrandbits(64):016x}"


@dataclass(slots=True)
class Pending:
    """A request of ours, until its final response."""

    request: Message
    answers: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)


class Phone:
    """A telephone by UDP, on 127.0.0.1 if nothing else is said."""

    def __init__(
        self,
        name: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str | None = None,
        proxy: tuple[str, int] | None = None,
        answer_after_s: float | None = 0.0,
        reject_with: int | None = None,
        reject_reason: str = "Rejected",
        redirect_to: str | None = None,
        takes_events: bool = True,
        speaks_early: bool = False,
        early_media: bool = False,
        offers_late: bool = False,
        event_type: int = EVENT_TYPE,
        codecs: Sequence[str] = ("0 PCMU/8000", "8 PCMA/8000"),
        extra_headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Be called `name`; None for `answer_after_s`: ring until the test answers."""
        self.name = name
        self.host = host
        self.password = password
        self.proxy = proxy
        self.answer_after_s = answer_after_s
        self.reject_with = reject_with
        self.reject_reason = reject_reason
        self.redirect_to = redirect_to
        self.takes_events = takes_events  # offers telephone-event (RFC 4733)
        self.speaks_early = speaks_early  # sends RTP before it answers
        self.early_media = early_media  # 183 with SDP, and RTP both ways, before it answers
        self.offers_late = offers_late  # its INVITE has no SDP, its ACK has
        self.event_type = event_type  # the payload type that it wants telephone-events in
        self.codecs = codecs  # that it offers and answers with; it speaks the first
        self.confirms = True  # sends ACK to a 200
        self.more_sdp: tuple[str, ...] = ()  # lines at the end of its SDP
        self.extra_headers = extra_headers  # of its INVITE, and of its 200 to one
        self.refuses = dict[str, int]()  # method -> status it answers with in a call
        self.socket, self._listener = self._listen_at(host, port)
        self.port: int = self.socket.getsockname()[1]
        self.uri = f"sip:{name}@{in_uri(host)}:{self.port}"
        self.trace: list[str] = []
        self.calls: dict[str, PhoneCall] = {}
        self._incoming: queue.SimpleQueue[PhoneCall] = queue.SimpleQueue()
        self._pending: dict[tuple[str, int, str], Pending] = {}
        # Call-ID, CSeq and method of a request -> our final response, for retransmissions.
        self._answered: dict[tuple[str, str], bytes] = {}
        self._listener.start()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up everything and go."""
        for call in list(self.calls.values()):
            call.close()
        self._stop()

    def call(
        self,
        uri: str,
        *,
        display_name: str | None = None,
        caller: str | None = None,
        via: tuple[str, int] | None = None,
    ) -> PhoneCall:
        """Send an INVITE, as another `caller` if the test says so, and return at once."""
        call = PhoneCall(self, uri, is_outgoing=True, display_name=display_name, caller=caller)
        call.address = via or self.proxy or _address_of(uri)
        self.calls[call.call_id] = call
        call.invite()
        return call

    def wait_call(self, timeout_s: float = PATIENCE_S) -> PhoneCall:
        """Return the next call that comes in."""
        try:
            return self._incoming.get(timeout=timeout_s)
        except queue.Empty:
            raise self.failure(f"no call within {timeout_s} s") from None

    def register(
        self,
        registrar: tuple[str, int],
        domain: str,
        expires_s: int = 60,
        *,
        timeout_s: float = PATIENCE_S,
    ) -> int:
        """Register once; returns the final status."""
        request = self.request("REGISTER", f"sip:{domain}", f"<sip:{self.name}@{domain}>")
        request.headers.append(("contact", f"<{self.uri}>;expires={expires_s}"))
        return self.transact(request, registrar, timeout_s).status

    def ping(
        self, address: tuple[str, int], timeout_s: float = 5.0, *, wants: int | None = None
    ) -> float:
        """Send OPTIONS and return the seconds until its answer, which must have that status."""
        host = in_uri(address[0])
        request = self.request("OPTIONS", f"sip:{host}:{address[1]}", f"<sip:{host}>")
        started = time.monotonic()
        answer = self.transact(request, address, timeout_s)
        if wants is not None and answer.status != wants:
            raise self.failure(f"OPTIONS was answered with {answer.status}")
        return answer.received_at - started

    def failure(self, what: str) -> AssertionError:
        """Return an error that shows all messages of this phone."""
        return AssertionError("\n".join([f"{self.name}: {what}", *self.trace]))

    # --- requests ---------------------------------------------------------------------------

    def request(self, method: str, uri: str, to: str) -> Message:
        """Return a request outside of a dialog."""
        return Message(
            f"{method} {uri} SIP/2.0",
            [
                ("via", self.via()),
                ("max-forwards", "70"),
                ("from", f"<{uri_in(to) if method == 'REGISTER' else self.uri}>;tag={_token()}"),
                ("to", to),
                ("call-id", f"{_token()}@phone"),
                ("cseq", f"1 {method}"),
            ],
        )

    def via(self) -> str:
        """Return a Via with a new branch."""
        return f"SIP/2.0/UDP {in_uri(self.host)}:{self.port};branch=z9hG4bK{_token()};rport"

    def transact(
        self, request: Message, address: tuple[str, int], timeout_s: float = PATIENCE_S
    ) -> Message:
        """Send a request, again and again if need be; returns its final response."""
        pending = Pending(request)
        key = (request["call-id"], request.sequence, request.method)
        self._pending[key] = pending
        ends_at, wait_s = time.monotonic() + timeout_s, T1_S
        try:
            while time.monotonic() < ends_at:
                self.send(request, address)
                try:
                    answer = pending.answers.get(timeout=min(wait_s, timeout_s))
                except queue.Empty:
                    wait_s *= 2
                    continue
                while answer.status < FIRST_FINAL:
                    answer = pending.answers.get(timeout=timeout_s)
                if answer.status in UNAUTHORIZED and self.password and not request.get("x-tried"):
                    return self.transact(self.authorized(request, answer), address, timeout_s)
                return answer
        finally:
            self._pending.pop(key, None)
        raise self.failure(f"no answer to {request.start}")

    def authorized(self, request: Message, challenge: Message) -> Message:
        """Return the request once more, with digest credentials (RFC 3261 §22)."""
        is_proxy = challenge.status == UNAUTHORIZED[1]
        asked = challenge["proxy-authenticate" if is_proxy else "www-authenticate"]
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', asked))
        uri = request.start.split()[1]
        ha1 = _md5(f"{self.name}:{given['realm']}:{self.password}")
        ha2 = _md5(f"{request.method}:{uri}")
        extra = ""
        if "qop" in given:
            cnonce = _token()
            digest = _md5(f"{ha1}:{given['nonce']}:00000001:{cnonce}:auth:{ha2}")
            extra = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
        else:
            digest = _md5(f"{ha1}:{given['nonce']}:{ha2}")
        value = (
            f'Digest username="{self.name}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{digest}", algorithm=MD5{extra}'
        )
        again = Message(request.start, list(request.headers), request.body)
        again.headers = [
            ("via", self.via()) if key == "via" else (key, content)
            for key, content in request.headers
            if key != "cseq"
        ]
        again.headers.append(("cseq", f"{request.sequence + 1} {request.method}"))
        again.headers.append(("proxy-authorization" if is_proxy else "authorization", value))
        again.headers.append(("x-tried", "1"))
        return again

    # --- the wire ---------------------------------------------------------------------------

    def send(self, message: Message, address: tuple[str, int]) -> None:
        """Send a message."""
        self._note("->", message)
        self._send(message.encode(), address)

    def answer_request(self, request: Message, address: tuple[str, int], response: Message) -> None:
        """Send a response; a final one is kept for retransmissions."""
        self._note("->", response)
        data = response.encode()
        if response.status >= FIRST_FINAL:
            self._answered[request["call-id"], request["cseq"]] = data
        self._send(data, address)

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        try:
            self.socket.sendto(data, address)
        except OSError:
            if self.socket.fileno() != _CLOSED:  # an answer or another try may come too late
                raise

    def move(self, host: str) -> None:
        """Send from another address, and listen there; what our messages say of us stays."""
        self._stop()
        self.socket, self._listener = self._listen_at(host, 0)
        self._listener.start()

    def _listen_at(self, host: str, port: int) -> tuple[socket.socket, Listener]:
        sock = socket.socket(family_of(host), socket.SOCK_DGRAM)
        sock.bind((host, port))
        return sock, Listener(sock, self._take, "phone")

    def _stop(self) -> None:
        self._listener.stop()
        self.socket.close()

    def _take(self, data: bytes, source: tuple[str, int]) -> None:
        now = time.monotonic()
        try:
            message = parse(data)
        except ValueError:
            return
        message.received_at = now
        address = (source[0], source[1])  # that of IPv6 has more
        self._note("<-", message)
        if message.is_response:
            self._take_response(message, address)
        else:
            self._take_request(message, address)

    def _take_response(self, message: Message, address: tuple[str, int]) -> None:
        key = (message["call-id"], message.sequence, message.method)
        pending = self._pending.get(key)
        if pending is not None:
            pending.answers.put(message)
        call = self.calls.get(message["call-id"])
        if call is not None and message.method == "INVITE" and pending is None:
            call.take_response(message, address)

    def _take_request(self, message: Message, address: tuple[str, int]) -> None:
        known = self._answered.get((message["call-id"], message["cseq"]))
        if known is not None:
            self._send(known, address)
            return
        call = self.calls.get(message["call-id"])
        if call is not None:
            call.take_request(message, address)
        elif message.method == "INVITE":
            call = PhoneCall(self, uri_in(message["from"]), is_outgoing=False)
            self.calls[message["call-id"]] = call
            call.take_invite(message, address)
            self._incoming.put(call)
        elif message.method != "ACK":
            code, reason = (200, "OK") if message.method == "OPTIONS" else (481, "No such call")
            self.answer_request(message, address, response_to(message, code, reason))

    def _note(self, arrow: str, message: Message) -> None:
        now = time.monotonic()
        self.trace.append(f"{now:.3f} {arrow} {message.start} [{message.get('cseq')}]")


def response_to(request: Message, code: int, reason: str, tag: str | None = None) -> Message:
    """Return a response (RFC 3261 §8.2.6)."""
    to = request["to"]
    if tag is not None and tag_of(to) is None:
        to += f";tag={tag}"
    headers = [("via", via) for via in request.all("via")]
    headers += [("record-route", route) for route in request.all("record-route")]
    headers += [("from", request["from"]), ("to", to), ("call-id", request["call-id"])]
    return Message(f"SIP/2.0 {code} {reason}", [*headers, ("cseq", request["cseq"])])


class PhoneCall:
    """One call of a phone."""

    def __init__(
        self,
        phone: Phone,
        remote_uri: str,
        *,
        is_outgoing: bool,
        display_name: str | None = None,
        caller: str | None = None,
    ) -> None:
        self.phone = phone
        self.remote_uri = remote_uri
        self.is_outgoing = is_outgoing
        self.call_id = f"{_token()}@phone"
        self.address: tuple[str, int] = ("127.0.0.1", 0)
        self.stream = AudioStream(phone.host, phone.event_type)
        self.media_host = phone.host  # as our SDP says it; 0.0.0.0 is how old phones hold
        self.stream.codec = PCMA if phone.codecs[0].startswith("8 ") else PCMU
        self.statuses: list[tuple[float, int]] = []  # responses to our INVITE
        self.retry_after: str | None = None  # of the last of them (RFC 3261 §20.33)
        self.infos: list[tuple[float, str]] = []  # when, and the body
        self.refers: list[Message] = []
        self.notified: list[str] = []  # the bodies of NOTIFYs: how a REFER of ours goes
        self.direction = "sendrecv"  # of the audio, as our SDP says it (RFC 3264 §5.1)
        self.began_at = time.monotonic()  # when our INVITE left, or the other's arrived
        self.answered_at: float | None = None  # when our 200 left
        self.is_answered = threading.Event()
        self.is_ended = threading.Event()
        self.ended_by_peer = False
        self._tag = _token()
        self._display = f'"{display_name}" ' if display_name else ""
        self._local = f"{self._display}<{caller or phone.uri}>;tag={self._tag}"
        self._remote = f"<{remote_uri}>"
        self._target = remote_uri
        self._routes: list[str] = []
        self._sequence = 1
        self._invite: Message | None = None
        self._has_tried_password = False

    # --- what the test does -----------------------------------------------------------------

    @property
    def invite_received(self) -> Message:
        """Return the INVITE that came in."""
        return self._expect_invite()

    @property
    def replaces(self) -> str:
        """Return the value of a Replaces header (RFC 3891) by which another call replaces it."""
        return f"{self.call_id};to-tag={tag_of(self._remote)};from-tag={self._tag}"

    @property
    def tag(self) -> str | None:
        """Return the other side's tag."""
        return tag_of(self._remote)

    def wait_status(self, code: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait for a response to our INVITE."""
        self._wait(lambda: any(seen == code for _, seen in self.statuses), f"{code}", timeout_s)

    def wait_final(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the call is up or over, whatever the response to our INVITE says."""
        self._wait(
            lambda: self.is_answered.is_set() or self.is_ended.is_set(), "an answer", timeout_s
        )

    def wait_answered(self, timeout_s: float = PATIENCE_S) -> Self:
        """Wait until the call is up."""
        if not self.is_answered.wait(timeout_s):
            raise self.phone.failure(f"not answered within {timeout_s} s")
        return self

    def wait_ended(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the call is over."""
        if not self.is_ended.wait(timeout_s):
            raise self.phone.failure(f"not ended within {timeout_s} s")

    def wait_sound(self, timeout_s: float = PATIENCE_S, since: int = 0) -> int:
        """Wait for something audible after sample `since`; returns the sample it starts at."""
        at, window = since, 800

        def is_loud() -> bool:
            nonlocal at
            heard = self.stream.samples
            while at + window <= len(heard):
                if audio.level_dbfs(heard[at : at + window]) > -45:
                    return True
                at += window
            return False

        self._wait(is_loud, "something audible", timeout_s)
        return at

    def wait_quiet(
        self, timeout_s: float = PATIENCE_S, since: int = 0, seconds: float = 0.5
    ) -> int:
        """Wait for so much silence after sample `since`; returns the sample it starts at."""
        window = int(seconds * audio.RATE_HZ)

        def quiet() -> bool:
            heard = self.stream.samples
            return len(heard) - window >= since and audio.level_dbfs(heard[-window:]) < -60

        self._wait(quiet, "silence", timeout_s)
        return len(self.stream.samples) - window

    def wait_samples(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until so many samples were heard since the start."""
        self._wait(lambda: len(self.stream.samples) >= count, f"{count} samples", timeout_s)

    def answer(self) -> None:
        """Send 200 with our SDP."""
        invite = self._expect_invite()
        response = response_to(invite, 200, "OK", self._tag)
        response.headers += [
            *self.phone.extra_headers,
            ("contact", f"<{self.phone.uri}>"),
            ("content-type", "application/sdp"),
        ]
        response.body = self._sdp()
        self._take_sdp(invite.body)
        self.answered_at = time.monotonic()
        self.phone.answer_request(invite, self.address, response)

    def ring(self) -> None:
        """Send 180."""
        invite = self._expect_invite()
        self.phone.answer_request(
            invite, self.address, response_to(invite, 180, "Ringing", self._tag)
        )

    def reject(self, code: int, contact: str | None = None) -> None:
        """Send a final response that is no 2xx."""
        invite = self._expect_invite()
        response = response_to(invite, code, self.phone.reject_reason, self._tag)
        if contact is not None:
            response.headers.append(("contact", f"<{contact}>"))
        self.phone.answer_request(invite, self.address, response)
        self._end()

    def type_digits(self, digits: str) -> None:
        """Type by telephone-events (RFC 4733)."""
        self.stream.type_digits(digits)

    def type_by_info(self, digits: str) -> None:
        """Type by INFO, one digit after the other (application/dtmf-relay)."""
        for digit in digits:
            request = self._in_dialog("INFO")
            request.headers.append(("content-type", "application/dtmf-relay"))
            request.body = f"Signal={digit}\r\nDuration=160\r\n"
            self.phone.transact(request, self.address)

    def refer(self, target: str) -> int:
        """Ask the other side to call `target` instead (RFC 3515); returns the status."""
        request = self._in_dialog("REFER")
        request.headers.append(("refer-to", f"<{target}>"))
        return self.phone.transact(request, self.address).status

    def notify(self, status_line: str, *, final: bool) -> int:
        """Tell how a REFER goes (RFC 3515 §2.4.5); returns the answer's status."""
        request = self._in_dialog("NOTIFY")
        state = "terminated;reason=noresource" if final else "active;expires=60"
        request.headers += [
            ("event", "refer"),
            ("subscription-state", state),
            ("content-type", "message/sipfrag;version=2.0"),
        ]
        request.body = f"{status_line}\r\n"
        return self.phone.transact(request, self.address).status

    def reinvite(self, direction: str = "sendrecv", method: str = "INVITE") -> int:
        """Offer the audio anew: `sendonly` puts the other side on hold; returns the status.

        By INVITE, or by UPDATE (RFC 3311).
        """
        self.direction = direction
        request = self._in_dialog(method)
        request.headers.append(("content-type", "application/sdp"))
        request.body = self._sdp()
        answer = self.phone.transact(request, self.address)
        if answer.status < FIRST_ERROR:
            self._take_sdp(answer.body)
        if answer.status < FIRST_ERROR and method == "INVITE":
            self._ack(answer, f"ACK {self._target} SIP/2.0", self.phone.via(), self.address)
        return answer.status

    def hang_up(self) -> None:
        """Send BYE, or CANCEL before the call is up."""
        if self.is_ended.is_set():
            return
        if self.is_answered.is_set():
            self._end()
            self.phone.transact(self._in_dialog("BYE"), self.address)
        elif self.is_outgoing:
            self.cancel()
        else:
            self.reject(480)

    def send_invite_again(self) -> None:
        """Send the INVITE once more, as by a timer (RFC 3261 §17.1.1.2)."""
        self.phone.send(self._expect_invite(), self.address)

    def cancel(self, reason: str | None = None) -> None:
        """Send CANCEL (RFC 3261 §9.1), and say why (RFC 3326); `wait_ended` follows."""
        invite = self._expect_invite()
        same = ("via", "from", "to", "call-id", "max-forwards", "route")
        headers = [(key, value) for key, value in invite.headers if key in same]
        headers.append(("cseq", f"{invite.sequence} CANCEL"))
        if reason is not None:
            headers.append(("reason", reason))
        self.phone.send(Message(invite.start.replace("INVITE", "CANCEL"), headers), self.address)

    def close(self) -> None:
        """Leave nothing behind."""
        try:
            if self.is_answered.is_set() and not self.is_ended.is_set():
                self._end()
                self.phone.transact(self._in_dialog("BYE"), self.address, 1.0)
            elif self.is_outgoing and not self.is_ended.is_set():
                self.cancel()
        except (AssertionError, OSError):
            pass
        self._end()

    # --- what comes in ----------------------------------------------------------------------

    def invite(self) -> None:
        """Send the INVITE, and send it again until something comes back."""
        request = Message(
            f"INVITE {self.remote_uri} SIP/2.0",
            [
                ("via", self.phone.via()),
                ("max-forwards", "70"),
                ("from", self._local),
                ("to", self._remote),
                ("call-id", self.call_id),
                ("cseq", f"{self._sequence} INVITE"),
                ("contact", f"<{self.phone.uri}>"),
                *self.phone.extra_headers,
            ],
        )
        if not self.phone.offers_late:
            request.headers.append(("content-type", "application/sdp"))
            request.body = self._sdp()
        self._send_invite(request)

    def take_response(self, message: Message, address: tuple[str, int]) -> None:
        """Take a response to our INVITE."""
        self.retry_after = message.get("retry-after")
        self.statuses.append((message.received_at, message.status))
        self._remote = message["to"]
        if message.status < FIRST_FINAL:
            return
        if message.status < FIRST_ERROR:
            contact = message.get("contact")
            self._target = uri_in(contact) if contact else self.remote_uri
            self._routes = message.all("record-route")[::-1]
            self._take_sdp(message.body)
            self._ack(message, f"ACK {self._target} SIP/2.0", self.phone.via(), self.address)
            self.is_answered.set()
            return
        invite = self._expect_invite()
        self._ack(message, invite.start.replace("INVITE", "ACK"), invite["via"], address)
        if message.sequence < invite.sequence:
            return
        if message.status in UNAUTHORIZED and self.phone.password and not self._has_tried_password:
            self._has_tried_password = True
            again = self.phone.authorized(invite, message)
            self._sequence = again.sequence
            self._send_invite(again)
        else:
            self._end()

    def take_invite(self, message: Message, address: tuple[str, int]) -> None:
        """Take the INVITE of a call that comes in, and do what the phone does with it."""
        self._invite = message
        self.began_at = message.received_at
        self.call_id = message["call-id"]
        self.address = address
        self._remote = message["from"]
        self._local = f"{message['to']};tag={self._tag}"
        self._target = uri_in(message["contact"])
        self._routes = message.all("record-route")
        if self.phone.redirect_to is not None:
            self.reject(302, self.phone.redirect_to)
            return
        if self.phone.reject_with is not None:
            self.reject(self.phone.reject_with)
            return
        if self.phone.speaks_early:
            self._take_sdp(message.body)
        self.ring()
        if self.phone.early_media:
            self._send_early_media()
        wait_s = self.phone.answer_after_s
        if wait_s is not None:
            timer = threading.Timer(wait_s, self._answer_by_itself)
            timer.daemon = True
            timer.start()

    def take_request(self, message: Message, address: tuple[str, int]) -> None:
        """Take a request within the call."""
        method = message.method
        if method == "ACK":
            self.is_answered.set()
            return
        response = response_to(message, 200, "OK", self._tag)
        if method == "INVITE":
            self._take_sdp(message.body)
            response.headers += [
                ("contact", f"<{self.phone.uri}>"),
                ("content-type", "application/sdp"),
            ]
            response.body = self._sdp()
        if method == "INFO":
            self.infos.append((time.monotonic(), message.body))
        if method == "NOTIFY":
            self.notified.append(message.body.strip())
        if method == "REFER":
            self.refers.append(message)
            response = response_to(message, 202, "Accepted", self._tag)
            response.headers.append(("contact", f"<{self.phone.uri}>"))
        refusal = self.phone.refuses.get(method)
        if refusal == SILENCE:
            return
        if refusal is not None:
            response = response_to(message, refusal, "Refused", self._tag)
        self.phone.answer_request(message, address, response)
        if method == "CANCEL":
            invite = self._expect_invite()
            self.phone.answer_request(
                invite, address, response_to(invite, 487, "Request Terminated", self._tag)
            )
        if method in ("BYE", "CANCEL"):
            self.ended_by_peer = True
            self._end()

    # --- inside -----------------------------------------------------------------------------

    def _send_early_media(self) -> None:
        invite = self._expect_invite()
        self._take_sdp(invite.body)
        response = response_to(invite, 183, "Session Progress", self._tag)
        response.headers += [
            ("contact", f"<{self.phone.uri}>"),
            ("content-type", "application/sdp"),
        ]
        response.body = self._sdp()
        self.phone.answer_request(invite, self.address, response)

    def _send_invite(self, request: Message) -> None:
        if self._invite is None:
            self.began_at = time.monotonic()
        self._invite = request
        self.phone.send(request, self.address)
        self._resend_in(T1_S, request)

    def _resend_in(self, wait_s: float, request: Message) -> None:
        """Send it again until something comes back (RFC 3261 §17.1.1.2)."""

        def resend() -> None:
            if not self.statuses and not self.is_ended.is_set() and self._invite is request:
                self.phone.send(request, self.address)
                self._resend_in(2 * wait_s, request)

        timer = threading.Timer(wait_s, resend)
        timer.daemon = True
        timer.start()

    def _answer_by_itself(self) -> None:
        if not self.is_ended.is_set() and not self.is_answered.is_set():
            self.answer()

    def _ack(self, answer: Message, start: str, via: str, address: tuple[str, int]) -> None:
        routes = [("route", route) for route in self._routes] if answer.status < FIRST_ERROR else []
        headers = [
            ("via", via),
            ("max-forwards", "70"),
            *routes,
            ("from", self._local),
            ("to", answer["to"]),
            ("call-id", self.call_id),
            ("cseq", f"{answer.sequence} ACK"),
        ]
        if answer.status < FIRST_ERROR and not self.phone.confirms:
            return
        ack = Message(start, headers)
        if self.phone.offers_late and answer.status < FIRST_ERROR:
            ack.headers.append(("content-type", "application/sdp"))
            ack.body = self._sdp()
        self.phone.send(ack, address)

    def _in_dialog(self, method: str) -> Message:
        self._sequence += 1
        return Message(
            f"{method} {self._target} SIP/2.0",
            [
                ("via", self.phone.via()),
                ("max-forwards", "70"),
                *(("route", route) for route in self._routes),
                ("from", self._local),
                ("to", self._remote),
                ("call-id", self.call_id),
                ("cseq", f"{self._sequence} {method}"),
                ("contact", f"<{self.phone.uri}>"),
            ],
        )

    def _sdp(self) -> str:
        event_type = self.phone.event_type
        types = " ".join(codec.split()[0] for codec in self.phone.codecs)
        kind = "IP6" if ":" in self.phone.host else "IP4"
        lines = [
            "v=0",
            f"o=- 1 1 IN {kind} {self.phone.host}",
            "s=-",
            f"c=IN {kind} {self.media_host}",
            "t=0 0",
            f"m=audio {self.stream.announced_port} RTP/AVP {types} {event_type}",
            *(f"a=rtpmap:{codec}" for codec in self.phone.codecs),
            f"a=rtpmap:{event_type} telephone-event/8000",
            f"a=fmtp:{event_type} 0-15",
            f"a=ptime:{self.stream.packet_ms}",
            f"a={self.direction}",
            *self.phone.more_sdp,
        ]
        if not self.phone.takes_events:
            lines = [line.replace(f" {event_type}", "") for line in lines if "event" not in line]
            lines = [line for line in lines if not line.startswith(f"a=fmtp:{event_type}")]
        return "\r\n".join([*lines, ""])

    def _take_sdp(self, sdp: str) -> None:
        media = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
        host = re.search(r"^c=IN IP[46] (\S+)", sdp, re.MULTILINE)
        event = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE)
        if media and host and not self.is_ended.is_set():
            self.stream.start((host[1], int(media[1])), int(event[1]) if event else None)

    def _expect_invite(self) -> Message:
        if self._invite is None:
            raise self.phone.failure("there is no INVITE")
        return self._invite

    def _wait(self, holds: Callable[[], object], what: str, timeout_s: float) -> None:
        try:
            wait_until(holds, what, timeout_s)
        except AssertionError as error:
            raise self.phone.failure(str(error)) from None

    def _end(self) -> None:
        if not self.is_ended.is_set():
            self.is_ended.set()
            self.stream.close()


def _address_of(uri: str) -> tuple[str, int]:
    found = re.match(r"[^@]*@(\[[^]]*\]|[^:;]*)(?::(\d+))?", uri)
    assert found is not None, uri
    return found[1].strip("[]"), int(found[2] or 5060)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
