"""Redirects and transfers through a real proxy, which asks for a password at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.open_line import OpenLine
from support.phone import Phone
from support.ports import free_port
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = {"hasip": "hasip-secret", "alice": "alice-secret", "bob": "bob-secret"}
MENU = {
    "message": "Press one",
    "choices": {"1": {"action": {"domain": "lock", "service": "unlock"}, "post_action": "hangup"}},
}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Kamailio]:
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with Kamailio(folder, free_port(), USERS) as kamailio:
        yield kamailio


@pytest.fixture(params=["wheel", "source"])
def line(request: pytest.FixtureRequest, proxy: Kamailio, tmp_path: Path) -> Iterator[OpenLine]:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            python=python_of(request.param),
            menu_file={"menu": MENU},
            SIP1_ID_URI=f"sip:hasip@127.0.0.1:{proxy.port}",
            SIP1_REGISTRAR_URI=f"sip:127.0.0.1:{proxy.port}",
            SIP1_USER_NAME="hasip",
            SIP1_PASSWORD=USERS["hasip"],
            SIP1_OPTIONS="--follow-transfer on",
        ) as gateway,
    ):
        gateway.wait_log("): registered")
        yield OpenLine(gateway, house, tmp_path)


def phone(name: str, proxy: Kamailio, **habits: object) -> Phone:
    """Return a phone that is registered at the proxy."""
    phone = Phone(name, password=USERS[name], proxy=proxy.address, **habits)  # type: ignore[arg-type]
    assert phone.register(proxy.address, f"127.0.0.1:{proxy.port}") == 200
    return phone


def test_a_redirect_by_the_proxy_is_followed_with_our_password(
    proxy: Kamailio, line: OpenLine
) -> None:
    with phone("alice", proxy) as alice:
        line.command("dial", "moved", menu=MENU)
        call = alice.wait_call().wait_answered()
        line.house.wait_event("playback_done")
        call.type_digits("1")
        call.wait_ended()

        line.house.wait_service("lock/unlock")
        assert line.ended()["parsed_remote_uri"] == "moved"


def test_a_transfer_to_another_phone_of_the_proxy(proxy: Kamailio, line: OpenLine) -> None:
    with phone("alice", proxy) as alice, phone("bob", proxy) as bob:
        call = alice.call(f"sip:hasip@127.0.0.1:{proxy.port}").wait_answered()
        line.house.wait_event("playback_done")
        assert call.refer(f"sip:bob@127.0.0.1:{proxy.port}") == 202
        other = bob.wait_call().wait_answered()
        assert other.invite_received.body.count("m=") == 1  # audio; more would fill its packet
        other.wait_sound()
        wait_until(lambda: call.notified[-1:] == ["SIP/2.0 200 OK"], "the final NOTIFY")
        call.hang_up()
        other.type_digits("1")
        other.wait_ended()

        line.house.wait_service("lock/unlock")
        assert line.ended()["parsed_remote_uri"] == "bob"


def test_an_attended_transfer_onto_us(proxy: Kamailio, line: OpenLine) -> None:
    uri = f"sip:hasip@127.0.0.1:{proxy.port}"
    with phone("alice", proxy) as alice:
        call = alice.call(uri).wait_answered()
        line.house.wait_event("playback_done")
        with phone("bob", proxy, extra_headers=[("replaces", call.replaces)]) as bob:
            other = bob.call(uri).wait_answered()
            call.wait_ended()
            other.wait_sound()
            other.type_digits("1")
            other.wait_ended()

            line.house.wait_service("lock/unlock")
            assert line.house.wait_event("call_transferred")["how"] == "replaces"
            assert line.ended()["parsed_remote_uri"] == "bob"
