"""Redirects and transfers through a real proxy, which asks for a password at each call."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from support.baresip import Baresip
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.open_line import OpenLine
from support.phone import Phone
from support.ports import free_port
from support.source_build import BUILDS, python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

waiting = Together(at_once=4)
both_builds = pytest.mark.parametrize("build", BUILDS)
USERS = {
    "hasip": "hasip-secret",
    "alice": "alice-secret",
    "bob": "bob-secret",
    "bare": "bare-secret",
}
MENU = {
    "message": "Press one",
    "choices": {"1": {"action": {"domain": "lock", "service": "unlock"}, "post_action": "hangup"}},
}


@contextlib.contextmanager
def a_line(folder: Path, build: str) -> Iterator[tuple[Kamailio, OpenLine]]:
    """Run a proxy, and a gateway that is registered at it."""
    (folder / "kamailio").mkdir()
    with (
        Kamailio(folder / "kamailio", free_port(), USERS) as proxy,
        StandInHomeAssistant() as house,
        GatewayProcess(
            folder,
            house=house,
            python=python_of(build),
            menu_file={"menu": MENU},
            SIP1_ID_URI=f"sip:hasip@127.0.0.1:{proxy.port}",
            SIP1_REGISTRAR_URI=f"sip:127.0.0.1:{proxy.port}",
            SIP1_USER_NAME="hasip",
            SIP1_PASSWORD=USERS["hasip"],
            SIP1_OPTIONS="--follow-transfer on",
        ) as gateway,
    ):
        gateway.wait_log("): registered")
        yield proxy, OpenLine(gateway, house, folder)


def phone(name: str, proxy: Kamailio, **habits: object) -> Phone:
    """Return a phone that is registered at the proxy."""
    phone = Phone(name, password=USERS[name], proxy=proxy.address, **habits)  # type: ignore[arg-type]
    assert phone.register(proxy.address, f"127.0.0.1:{proxy.port}") == 200
    return phone


@both_builds
@waiting
def test_a_redirect_by_the_proxy_is_followed_with_our_password(tmp_path: Path, build: str) -> None:
    with (
        a_line(tmp_path, build) as (proxy, line),
        phone("alice", proxy) as alice,
    ):
        line.command("dial", "moved", menu=MENU)
        call = alice.wait_call().wait_answered()
        line.house.wait_event("playback_done")
        call.type_digits("1")
        call.wait_ended()

        line.house.wait_service("lock/unlock")
        assert line.ended()["parsed_remote_uri"] == "moved"


@both_builds
@waiting
def test_a_transfer_to_another_phone_of_the_proxy(tmp_path: Path, build: str) -> None:
    with (
        a_line(tmp_path, build) as (proxy, line),
        phone("alice", proxy) as alice,
        phone("bob", proxy) as bob,
    ):
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


@both_builds
@waiting
def test_an_attended_transfer_onto_us(tmp_path: Path, build: str) -> None:
    with a_line(tmp_path, build) as (proxy, line):
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


@contextlib.contextmanager
def a_baresip(proxy: Kamailio, folder: Path) -> Iterator[Baresip]:
    """Run one that is registered at the proxy."""
    with Baresip(folder / "baresip", "PCMU/8000", registrar=(proxy.port, USERS["bare"])) as baresip:
        baresip.wait_said("1 binding")
        yield baresip


@both_builds
@waiting
def test_our_transfer_of_a_baresip_ends_our_call_when_the_target_answers(
    tmp_path: Path, build: str
) -> None:
    """It calls the target itself, and tells by NOTIFY how that goes (RFC 3515 §2.4.5)."""
    with (
        a_line(tmp_path, build) as (proxy, line),
        a_baresip(proxy, tmp_path) as bare,
        phone("bob", proxy, answer_after_s=None) as bob,
    ):
        line.command("dial", "bare")
        line.house.wait_event("call_established")
        line.command("transfer", "bare", transfer_to="bob", request_id="t")
        call = bob.wait_call()
        assert "baresip" in call.invite_received["user-agent"]
        assert not {"transfer_result", "call_disconnected"} & set(line.house.event_names)
        answered_at = time.monotonic()
        call.answer()
        ended = line.ended()

        assert time.monotonic() - answered_at < 5
        result = line.house.wait_event("transfer_result")
        assert (result["sip_code"], result["success"]) == (200, True)
        assert result["request_id"] == "t"
        assert (ended["outcome"], ended["hangup_by"], ended["sip_code"]) == (
            *("transferred", "local", 200),
        )
        names = line.house.event_names
        assert names.index("transfer_result") < names.index("call_disconnected")
        call.wait_sound()
        bare.command("hangup")
        call.wait_ended()


@both_builds
@waiting
def test_our_transfer_of_a_baresip_to_a_busy_phone_keeps_our_call(
    tmp_path: Path, build: str
) -> None:
    with (
        a_line(tmp_path, build) as (proxy, line),
        a_baresip(proxy, tmp_path) as bare,
        phone("bob", proxy, reject_with=486),
    ):
        line.command("dial", "bare")
        line.house.wait_event("call_established")
        line.command("transfer", "bare", transfer_to="bob")
        result = line.house.wait_event("transfer_result")

        assert (result["sip_code"], result["success"]) == (486, False)
        assert "call_disconnected" not in line.house.event_names
        line.command("hangup", "bare")
        assert line.ended()["outcome"] == "completed"
        bare.wait_said("session closed")
