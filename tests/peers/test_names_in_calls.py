"""Names that stand in the messages of a call, and a name server that does not answer."""

from __future__ import annotations

import socket
import time
from statistics import median
from typing import TYPE_CHECKING

import pytest

from support.provider import DNS, FIRST, HOSTS, Provider, a_provider
from support.source_build import python_of, source_python
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.gateway import GatewayProcess
    from support.phone import Phone

waiting = Together(ahead=True)  # the wheel asks for our name when it starts: for 3 s and more
PINGS = 100
QUICK_S = 0.1  # half of them; the machine may be busy
# The system's resolver waits for 3 s and more; whoever waits for it holds up one of them as long.
HELD_UP_S = 2.0
# The container of an app has a name that no file in it knows.
UNKNOWN_NAME = ("unshare", "--uts", "sh", "-c", 'hostname nobody-knows-me && exec "$@"', "sh")
HOUSE_6, FIRST_6 = "fd00::2", "fd00::61"


SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {FIRST}\r\ns=-\r\nc=IN IP4 {FIRST}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
OFFERS_OF_NAMES = (
    SDP.replace(f"c=IN IP4 {FIRST}", "c=IN IP4 media.example.org"),
    f"{SDP}a=rtcp:40001 IN IP4 rtcp.example.org\r\n",
    (
        f"{SDP}a=candidate:1 1 UDP 2130706431 browser.local 40000 typ host\r\n"
        f"a=ice-ufrag:abcdefgh\r\na=ice-pwd:{'abcdefgh' * 3}\r\n"
    ),
)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Provider]:
    with a_provider(tmp_path) as provider:
        yield provider


def ping_often(phone: Phone, gateway: GatewayProcess) -> list[float]:
    """Ask a hundred times, for longer than a second, and return the waits, the longest last."""
    waits: list[float] = []
    for _ in range(PINGS):
        waits.append(phone.ping(gateway.address))
        time.sleep(0.015)  # so that they meet all that the gateway does
    return sorted(waits)


def offer(net: Provider, gateway: GatewayProcess, sdp: str) -> bytes:
    """Call with an offer, and take the call back; returns the code of the answer."""
    with net.machine.entered():
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with caller:
        caller.bind((FIRST, 0))
        caller.settimeout(HELD_UP_S)
        me = f"{FIRST}:{caller.getsockname()[1]}"
        head = (
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{me}\r\nFrom: <sip:a@{me}>;tag=1\r\n"
            f"To: <{gateway.uri}>%s\r\nCall-ID: {me}\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:a@{me}>\r\nContent-Length: %d\r\n%s\r\n"
        )
        kind = "Content-Type: application/sdp\r\n"
        invite = f"INVITE {gateway.uri} SIP/2.0\r\n{head % ('', 1, 'INVITE', len(sdp), kind)}{sdp}"
        caller.sendto(invite.encode(), gateway.address)
        while (answer := caller.recv(4096)).startswith(b"SIP/2.0 1"):
            pass
        to = answer.decode().partition("\r\nTo: ")[2].partition("\r\n")[0].partition(">")[2]
        ends = [("ACK", 1), ("BYE", 2)] if answer.startswith(b"SIP/2.0 2") else []
        for method, number in ends:
            text = f"{method} {gateway.uri} SIP/2.0\r\n{head % (to, number, method, 0, '')}"
            caller.sendto(text.replace("z9hG4bK", f"z9hG4bK{method}").encode(), gateway.address)
        return answer[8:11]


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_a_name_server_that_does_not_answer_holds_up_no_other_call(
    net: Provider, build: str
) -> None:
    """With names in SDP, a REFER, a redirect to one, and a phone that wants its BYE at one."""
    net.silence(DNS)
    net.house.ask(DNS)
    referrer, moved, named, neighbour = (net.phone(name, FIRST) for name in "abcd")
    moved.redirect_to = "sip:e@redirect.example.org"
    python = source_python() if build == "source" else None
    more = {} if python is None else {"python": python}
    options = "--follow-transfer on --ice off"
    with net.gateway(**more, SIP1_OPTIONS=options) as gateway:
        assert [offer(net, gateway, sdp) for sdp in OFFERS_OF_NAMES] == [b"488", b"200", b"200"]
        named.uri = f"sip:c@contact.example.org:{named.port}"
        with net.machine.entered():
            call = named.call(gateway.uri, via=gateway.address).wait_answered()
            referred = referrer.call(gateway.uri, via=gateway.address).wait_answered()
        gateway.command({"command": "dial", "number": moved.uri})
        moved.wait_call()
        assert referred.refer("sip:f@refer.example.org") == 202
        gateway.command({"command": "hangup", "number": named.uri})

        waits = ping_often(neighbour, gateway)
        print(f"OPTIONS took {waits[-2] * 1000:.1f} ms (p99), at most {waits[-1] * 1000:.1f} ms")

        assert median(waits) < QUICK_S
        assert waits[-1] < HELD_UP_S
        gateway.wait_log("contact.example.org cannot be resolved")
        gateway.wait_log("refer.example.org cannot be resolved")
        gateway.wait_log("redirect.example.org cannot be resolved")
        assert gateway.longest_step_s < 1  # the resolver takes 3 s
        with net.machine.entered():
            neighbour.call(gateway.uri, via=gateway.address).wait_answered().hang_up()
        call.close()


def test_names_in_a_call_are_asked_of_the_name_servers_of_the_settings(net: Provider) -> None:
    """A redirect to a name leads there, and so does a BYE to the name in a Contact."""
    net.dns(*HOSTS, "_sip._udp.door.example.org. SRV 10 10 5070 one.example.org.")
    old, door = net.phone("old"), net.phone("door", FIRST, 5070)
    old.redirect_to = "sip:door@door.example.org"
    door.uri = "sip:door@door.example.org"
    with net.gateway(NAME_SERVER=DNS) as gateway:
        gateway.command({"command": "dial", "number": old.uri})
        call = door.wait_call().wait_answered()
        gateway.command({"command": "hangup", "number": old.uri})

        call.wait_ended()
        assert call.ended_by_peer


@pytest.mark.parametrize(
    ("build", "host"), [("wheel", FIRST), ("source", FIRST), ("source", FIRST_6)]
)
@waiting
def test_a_call_waits_for_no_name_server_that_is_to_know_this_machine(
    tmp_path: Path, build: str, host: str
) -> None:
    """An address of ours is wanted for each call, and pjsip would ask for that of our own name."""
    with a_provider(tmp_path) as net:
        net.silence(DNS)
        net.house.ask(DNS)
        net.house.ip("address", "add", f"{HOUSE_6}/64", "dev", "h0", "nodad")
        net.machine.ip("address", "add", f"{FIRST_6}/64", "dev", "p0", "nodad")
        phone = net.phone("a", host)
        options = "--ipv6 on" if host == FIRST_6 else ""
        with net.gateway(
            python=python_of(build), prefix=UNKNOWN_NAME, GLOBAL_OPTIONS=options
        ) as gateway:
            gateway.command({"command": "dial", "number": phone.uri})
            with net.machine.entered():
                phone.wait_call().wait_answered()
            gateway.command({"command": "hangup", "number": phone.uri})
            assert gateway.longest_step_s < 1  # the resolver takes 3 s
