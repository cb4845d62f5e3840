"""Media by a real TURN server, from behind a NAT."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Self

import pytest

from support import audio
from support.certificates import Authority
from support.coturn import PASSWORD, REALM, TLS_PORT, USER, Coturn
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.nat_network import INSIDE, OUTSIDE, OUTSIDE_TOO, HouseBehindNat
from support.netns import Network
from support.phone import Phone
from support.source_build import BUILDS, python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

waiting = Together(ahead=True)
both_builds = pytest.mark.parametrize("build", BUILDS)

PROMPT = "Somebody is at the door, press one"
MENU = {"message": PROMPT, "choices": {"1": {"post_action": "hangup"}}}


class Relayed:
    """A phone outside, a TURN server there, and the gateway behind the NAT."""

    def __init__(
        self,
        nat: HouseBehindNat,
        folder: Path,
        build: str,
        options: str,
        *,
        authority: Authority | None = None,
        trusts: bool = True,
    ) -> None:
        certificate = authority.sign("turn", f"IP:{OUTSIDE}") if authority else None
        ca = f"--tls-ca-file {authority.certificate}" if authority and trusts else ""
        with nat.outside.entered():
            self.server = Coturn(folder / "coturn", OUTSIDE, certificate)
            self.server.start()
            self.bob = Phone("bob", host=OUTSIDE_TOO)
        with nat.inside.entered():
            self.house = StandInHomeAssistant()
            self.gateway = GatewayProcess(
                folder,
                house=self.house,
                host=INSIDE,
                python=python_of(build),
                GLOBAL_OPTIONS=ca,
                LOG_LEVEL="3",
                SIP1_OPTIONS=options,
            )

    def __enter__(self) -> Self:
        """Be there."""
        self.house.__enter__()
        self.bob.__enter__()
        self.gateway.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.gateway.__exit__()
        self.bob.__exit__()
        self.house.__exit__()
        self.server.stop()


@contextlib.contextmanager
def relayed(folder: Path, build: str, options: str, **more: Any) -> Iterator[Relayed]:
    """Make the network as well."""
    with (
        Network() as network,
        Relayed(HouseBehindNat(network), folder, build, options, **more) as net,
    ):
        yield net


def turn(kind: str, password: str = PASSWORD) -> str:
    port = f":{TLS_PORT}" if kind == "tls" else ""
    return (
        f"--turn-server {OUTSIDE}{port} --turn-connection-type {kind} "
        f"--turn-user {USER} --turn-password {password}"
    )


@both_builds
@pytest.mark.parametrize("kind", ["udp", "tcp", "tls"])
@waiting
def test_the_sound_of_a_call_goes_by_the_turn_server(tmp_path: Path, kind: str, build: str) -> None:
    """The phone does no ICE: what it hears and says passes by the relayed address of the SDP."""
    authority = Authority(tmp_path / "ca") if kind == "tls" else None
    with relayed(tmp_path, build, turn(kind), authority=authority) as net:
        net.gateway.command({"command": "dial", "number": net.bob.uri, "menu": MENU})
        call = net.bob.wait_call().wait_answered()
        assert f"c=IN IP4 {OUTSIDE}\r" in call.invite_received.body
        call.wait_quiet(since=call.wait_sound())
        prompt = audio.read_wav(net.house.speak(PROMPT))
        assert audio.likeness(call.stream.samples, prompt) > 0.8
        call.type_digits("1")
        call.wait_ended()
        used = f"peer usage: realm=<{REALM}>, username=<{USER}>"
        wait_until(lambda: net.server.said().count(used) == 2, "the end of both allocations")
    said = net.server.said()
    assert "ALLOCATE processed, success" in said
    packets = [int(count) for count in re.findall(r"peer usage:.* rp=(\d+), rb=\d+, sp=", said)]
    sent = [int(count) for count in re.findall(r"peer usage:.* sp=(\d+)", said)]
    print(f"{kind}: {sum(packets)} packets from the phone, {sum(sent)} to it")
    assert sum(packets) > 10
    assert sum(sent) > 10


@both_builds
@waiting
def test_wrong_credentials_are_said_and_the_call_goes_without(tmp_path: Path, build: str) -> None:
    with relayed(tmp_path, build, turn("udp", "wrong-word")) as net:
        net.gateway.command({"command": "dial", "number": net.bob.uri})
        call = net.bob.wait_call().wait_answered()

        assert f"c=IN IP4 {INSIDE}\r" in call.invite_received.body
        net.gateway.wait_log("relays nothing for us (Unauthorized): check --turn-user")
        call.hang_up()
        assert not any("wrong-word" in line for line in net.gateway.lines)


@both_builds
@waiting
def test_a_turn_server_whose_certificate_is_not_trusted_is_not_used(
    tmp_path: Path, build: str
) -> None:
    authority = Authority(tmp_path / "ca")
    with relayed(tmp_path, build, turn("tls"), authority=authority, trusts=False) as net:
        net.gateway.wait_log("its certificate is not trusted")
        net.gateway.command({"command": "dial", "number": net.bob.uri})
        call = net.bob.wait_call().wait_answered()

        assert f"c=IN IP4 {INSIDE}\r" in call.invite_received.body
        call.hang_up()
