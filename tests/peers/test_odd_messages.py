"""Messages that pjsip reads otherwise than they look, and responses to what nobody asked."""

from __future__ import annotations

import itertools
import re
import socket
from typing import TYPE_CHECKING

import pytest

from hasip.sip.pj_log import MOST_UNREAD
from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = on_builds(*BUILDS)
ACCEPTED, STRANGER, THIRD = "127.0.0.2", "127.0.0.41", "127.0.0.42"
OUT = "X: of-no-use"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(build: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(
        tmp_path_factory.mktemp("odd"),
        python=python_of(build),
        menu_file={},
        LOG_LEVEL="5",
        SIP1_OPTIONS=f"--accept-from {ACCEPTED} --ice off",
    ) as running:
        yield running


class Peer(socket.socket):
    """Sends what it is told to, from an address."""

    def __init__(self, gateway: GatewayProcess, host: str) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind((host, 0))
        self.settimeout(10)
        self.host, self.port = self.getsockname()
        self._gateway = gateway

    def ask(
        self,
        method: str,
        *lines: str,
        to: str = "",
        via: str = "",
        call_id: str = "",
        sdp: str = "",
    ) -> None:
        """Send a request with these lines beside those that each has."""
        number, uri = next(numbers), self._gateway.uri
        head = (
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKodd{number}{via}",
            *(f"From: <sip:a@{self.host}>;tag=odd{number}", f"To: <{uri}>{to}"),
            *(f"Call-ID: {call_id or f'odd-{number}'}", f"CSeq: 1 {method}", "Max-Forwards: 70"),
            *lines,
            *(("Content-Type: application/sdp",) if sdp else ()),
            f"Content-Length: {len(sdp)}",
        )
        self.say("\r\n".join(head) + f"\r\n\r\n{sdp}")

    def respond(self, status: int, method: str, branch: str = "z9hG4bKPjodd") -> None:
        """Answer what nobody asked."""
        self.say(
            f"SIP/2.0 {status} Unasked\r\nVia: SIP/2.0/UDP 127.0.0.1:{self._gateway.port};"
            f"branch={branch}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
            f"Call-ID: unasked\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )

    def say(self, text: str) -> None:
        """Send this."""
        self.sendto(text.encode(), self._gateway.address)

    def hear(self) -> str:
        """Return what comes next."""
        return self.recv(65_536).decode()

    def hears_nothing(self) -> bool:
        """Tell that nothing has come, of all that the gateway has done by now."""
        with Phone("p", host=ACCEPTED) as phone:
            assert phone.ping(self._gateway.address) < 10
        self.settimeout(0)
        try:
            print(self.recv(65_536))
        except BlockingIOError:
            return True
        return False


def test_the_answer_goes_to_who_asks_whatever_his_via_says(gateway: GatewayProcess) -> None:
    """By `maddr` a stranger had it sent to others, and the name servers asked, eight at a time."""
    with Peer(gateway, STRANGER) as stranger, Peer(gateway, ACCEPTED) as known:
        third = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        third.bind((THIRD, stranger.port))
        with third:
            for place in (THIRD, "odd.example.org", "[::1]"):
                stranger.ask("OPTIONS", via=f";maddr={place}")
                assert stranger.hear().startswith("SIP/2.0 403 ")
            known.ask("OPTIONS", f"Contact: <sip:a@{THIRD}>", via=f";rport;maddr={THIRD}")
            assert known.hear().startswith("SIP/2.0 200 ")
            third.settimeout(0)
            with pytest.raises(BlockingIOError):
                third.recv(65_536)
    assert not [line for line in gateway.own_lines if "odd.example.org" in line]


@pytest.mark.parametrize("host", [ACCEPTED, "127.0.0.43"])
def test_a_method_that_is_too_long_passes_no_door(gateway: GatewayProcess, host: str) -> None:
    with Peer(gateway, host) as stranger:
        for length in (87, 100, 3_000):
            stranger.ask("M" * length, to=";tag=made-up")
            stranger.ask("M" * length)
            stranger.respond(200, "M" * length)
        assert stranger.hears_nothing()

    assert not [line for line in gateway.lines if "MMMM" in line]
    gateway.wait_log("Dropped a message from")


def test_a_header_that_only_pjsip_sees_replaces_no_call(gateway: GatewayProcess) -> None:
    """For it pjsua locks all calls, then waits for one: whoever hangs up waits the other way."""
    with Peer(gateway, ACCEPTED) as known, Phone("q", host=ACCEPTED) as phone:
        call = phone.call(gateway.uri).wait_answered()
        replaced = f"Replaces: {call.replaces}"
        for header in (f"Subject: a\r{replaced}", f"Max-Forwards: 70&{replaced}"):
            known.ask("INVITE", header, f"Contact: <sip:a@{ACCEPTED}:{known.port}>")
            assert known.hear().startswith("SIP/2.0 400 ")
        call.hang_up()


STARS = (
    *("Contact: *", "m:*", "Contact\r\n : *", "Contact :\r\n *", "Contact: <sip:a@b>\r\n , *"),
    *("Subject: x\rContact: *", "Max-Forwards: 70&Contact: *", "Contact: <sip:a@b>\r\nm: *"),
)


def test_a_contact_that_is_a_star_is_seen_wherever_pjsip_sees_it(gateway: GatewayProcess) -> None:
    with Peer(gateway, ACCEPTED) as known:
        for star in STARS:
            known.ask("OPTIONS", star)
        known.ask("OPTIONS", *["Contact: <sip:a@b>"] * 101)
        assert known.hears_nothing()
        gateway.wait_log("Dropped OPTIONS from 127.0.0.2: its Contact is *")


def test_responses_to_nothing_are_dropped_before_they_are_logged(gateway: GatewayProcess) -> None:
    before = len(gateway.lines)
    with Peer(gateway, "127.0.0.44") as stranger:
        for status, method in itertools.product((100, 200, 401, 503), ("INVITE", "REGISTER")):
            for branch in ("z9hG4bKPjodd", "odd"):
                stranger.respond(status, method, branch)
        assert stranger.hears_nothing()
    gateway.wait_log("Dropped 100 to INVITE from 127.0.0.44: it answers no request of ours")
    assert not [line for line in gateway.lines[before:] if "Unasked" in line]


def test_packets_that_are_no_sip_do_not_fill_the_log(gateway: GatewayProcess) -> None:
    """These pjsip writes out before any module of its sees them."""
    before = len(gateway.lines)
    with Peer(gateway, "127.0.0.45") as stranger:
        for _ in range(50):
            stranger.say(f"OPTIONS sip:h SIP/2.0\r\nSubject: no more headers\r\n{OUT}\r\n\r\n")
            stranger.say(f"OPTIONS sip:h SIP/2.0\r\nVia: {OUT}\r\n\r\n")
        assert stranger.hears_nothing()
    gateway.wait_log("packets came that are no SIP")
    assert len([line for line in gateway.lines[before:] if OUT in line]) <= MOST_UNREAD


SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtcp:40001 IN IP4 rtcp.example.org\r\n"
)


def test_an_answer_that_is_sent_again_is_acknowledged_again(gateway: GatewayProcess) -> None:
    """RFC 3261 §13.2.2.4: also that of a second phone, which is then hung up."""
    with Peer(gateway, ACCEPTED) as callee:
        gateway.command({"command": "dial", "number": f"sip:c@{ACCEPTED}:{callee.port}"})
        invite = callee.hear()
        head = re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq|To): [^\r]*", invite)

        def answer(tag: str) -> None:
            lines = [f"{line};tag={tag}" if line.startswith("To") else line for line in head]
            callee.say(
                "\r\n".join(
                    ("SIP/2.0 200 OK", *lines, f"Contact: <sip:c@{ACCEPTED}:{callee.port}>")
                )
                + f"\r\nContent-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
            )

        def hear(method: str) -> str:
            while not (heard := callee.hear()).startswith(method):
                assert heard.startswith("INVITE ")  # sent again, on a busy machine
            return heard

        answer("first")
        for _ in range(2):
            assert ";tag=first" in hear("ACK ")
            answer("first")
        assert ";tag=first" in hear("ACK ")
        answer("second")
        assert ";tag=second" in hear("ACK ")
        assert ";tag=second" in hear("BYE ")
        gateway.wait_log("Took the names out of 200 to INVITE from")
