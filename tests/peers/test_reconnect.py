"""Connections that break, and the registration that must outlive them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support.certificates import Authority
from support.gateway import GatewayProcess
from support.kamailio import Kamailio, Tls
from support.netns import Network
from support.phone import Phone
from support.ports import free_port
from support.source_build import BUILDS, python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
MENU = {"menu": {"message": "Hello"}}
HOUSE, PBX = "10.3.0.2", "10.3.0.1"
waiting = Together(at_once=6, ahead=True)
both_builds = pytest.mark.parametrize("build", BUILDS)


def account(host: str, port: int, registrar: str) -> dict[str, str]:
    return {
        "SIP1_ID_URI": f"sip:hasip@{host}:{port}",
        "SIP1_REGISTRAR_URI": registrar,
        "SIP1_USER_NAME": "hasip",
        "SIP1_PASSWORD": USERS["hasip"],
    }


@both_builds
@pytest.mark.parametrize("transport", ["tcp", "tls"])
@waiting
def test_a_registrar_that_was_restarted_is_connected_to_and_registered_with_within_seconds(
    tmp_path: Path, transport: str, build: str
) -> None:
    """Whatever the expiry: the end of the connection tells."""
    authority, folder = Authority(tmp_path / "ca"), tmp_path / "kamailio"
    folder.mkdir()
    tls = Tls(free_port(), *authority.sign("pbx", "IP:127.0.0.1"))
    with Kamailio(folder, free_port(), USERS, tls=tls) as kamailio:
        port = kamailio.port if transport == "tcp" else tls.port
        options = f"--tls on --tls-port {free_port()} --tls-ca-file {authority.certificate}"
        registrar = f"sip:127.0.0.1:{port};transport={transport}"
        with (
            GatewayProcess(
                tmp_path,
                python=python_of(build),
                menu_file=MENU,
                GLOBAL_OPTIONS=f"--bind-address 127.0.0.1 {options}",
                **account("127.0.0.1", kamailio.port, registrar),
            ) as gateway,
            Phone("alice", password=USERS["alice"], proxy=kamailio.address) as alice,
        ):
            gateway.wait_log("): registered")
            since = len(gateway.lines)
            kamailio.stop()
            gateway.wait_log(f"a {transport.upper()} connection has ended", since=since)
            kamailio.start()
            gateway.wait_log("): registered", 30, since)

            alice.call(f"sip:hasip@127.0.0.1:{kamailio.port}").wait_answered().wait_sound()


@both_builds
@pytest.mark.parametrize("transport", ["tcp", "tls"])
@waiting
def test_a_connection_that_died_without_a_word_is_noticed_and_made_anew(
    tmp_path: Path, transport: str, build: str
) -> None:
    """As when a router forgets it: nothing comes back, no end of the connection either."""
    authority, folder = Authority(tmp_path / "ca"), tmp_path / "kamailio"
    folder.mkdir()
    tls = Tls(5061, *authority.sign("pbx", f"IP:{PBX}"))
    port = 5060 if transport == "tcp" else tls.port
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        house, pbx = network.machine("house"), network.machine("pbx")
        network.cable((house, "lan", f"{HOUSE}/24"), (pbx, "lan", f"{PBX}/24"))
        with pbx.entered():
            stack.enter_context(Kamailio(folder, 5060, USERS, host=PBX, tls=tls))
            alice = Phone("alice", host=PBX, password=USERS["alice"], proxy=(PBX, 5060))
            stack.enter_context(alice)
        with house.entered():
            gateway = GatewayProcess(
                tmp_path,
                host=HOUSE,
                python=python_of(build),
                menu_file=MENU,
                GLOBAL_OPTIONS=f"--bind-address {HOUSE} --tls on --tls-port 5061 "
                f"--tls-ca-file {authority.certificate}",
                **account(PBX, 5060, f"sip:{PBX}:{port};transport={transport}"),
            )
        stack.enter_context(gateway)
        gateway.wait_log("): registered")
        (ours,) = pbx.tcp_peers(port)
        pbx.rules(
            "add table ip lost",
            "add chain ip lost in { type filter hook input priority 0; }",
            f"add rule ip lost in tcp sport {ours} drop",
            "add chain ip lost out { type filter hook output priority 0; }",
            f"add rule ip lost out tcp dport {ours} drop",
        )
        since = len(gateway.lines)
        gateway.wait_log(f"a {transport.upper()} connection has ended", 50, since)
        wait_until(lambda: set(pbx.tcp_peers(port)) - {ours}, "a new connection")
        gateway.wait_log("): registered", since=since)

        assert not any("registration at" in line for line in gateway.own_lines)
        with pbx.entered():
            alice.call(f"sip:hasip@{PBX}:5060").wait_answered().wait_sound()
