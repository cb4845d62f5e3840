"""Calls are taken from the registrar only; strangers learn nothing, and a flood harms no call."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from hasip.sip.strangers import ANSWERS_TO_STRANGER
from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.phone import Phone
from support.ports import free_port
from support.process import resident_mib
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

STRANGER = "127.0.0.3"
MENU: dict[str, Any] = {
    "menu": {"choices": {"7": {"action": {"domain": "cover", "service": "open"}}}}
}


def account(port: int, options: str = "") -> dict[str, str]:
    """Return the settings of an account at a registrar on 127.0.0.1."""
    return {
        "SIP1_ID_URI": f"sip:hasip@127.0.0.1:{port}",
        "SIP1_REGISTRAR_URI": f"sip:127.0.0.1:{port}",
        "SIP1_USER_NAME": "hasip",
        "SIP1_PASSWORD": "secret",
        "SIP1_OPTIONS": options,
    }


def ask(phone: Phone, method: str, user: str, gateway: GatewayProcess) -> Message:
    """Send a request as a scanner does; returns the answer."""
    uri = f"sip:{user}@127.0.0.1:{gateway.port}"
    request = phone.request(method, uri, f"<{uri}>")
    request.headers.append(("contact", f"<{phone.uri}>"))
    return phone.transact(request, gateway.address, 3.0)


def test_strangers_get_the_same_answer_for_every_name_then_none_and_no_event_is_sent(
    tmp_path: Path,
) -> None:
    port = free_port()
    with (
        Kamailio(tmp_path, port, {"hasip": "secret", "alice": "apple"}) as registrar,
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=MENU, **account(port)) as gateway,
        Phone("alice", password="apple", proxy=registrar.address) as alice,
    ):
        gateway.wait_log("): registered")
        for number, method in enumerate(("INVITE", "REGISTER", "OPTIONS"), 3):
            with Phone("scan", host=f"127.0.0.{number}") as scanner:
                answers = [ask(scanner, method, user, gateway) for user in ("hasip", "100")]
                assert {answer.start for answer in answers} == {"SIP/2.0 403 Forbidden"}
        with Phone("scan", host="127.0.0.9") as scanner:
            for _ in range(ANSWERS_TO_STRANGER + 200):
                uri = f"sip:x@127.0.0.1:{gateway.port}"
                scanner.send(scanner.request("OPTIONS", uri, f"<{uri}>"), gateway.address)
            call = alice.call(f"sip:hasip@127.0.0.1:{port}").wait_answered()
            house.wait_event("call_established")
            call.type_digits("7")
            wait_until(lambda: house.services, "the action")
            call.hang_up()
            house.wait_event("call_disconnected")

        assert house.event_names.count("incoming_call") == 1
        told = [line for line in gateway.own_lines if "was refused" in line]
        assert len(told) == 4
        assert "--accept-from" in told[0]
        assert not [line for line in gateway.lines if "<sip:scan@127.0.0.9" in line][20:]


def test_who_is_named_by_accept_from_may_call_beside_the_registrar(tmp_path: Path) -> None:
    port = free_port()
    options = f"--accept-from registrar,{STRANGER}/32"
    with (
        Kamailio(tmp_path, port, {"hasip": "secret"}),
        GatewayProcess(tmp_path, menu_file=MENU, **account(port, options)) as gateway,
        Phone("door", host=STRANGER) as door,
    ):
        gateway.wait_log("): registered")
        door.call(f"sip:hasip@127.0.0.1:{gateway.port}").wait_answered()


def test_a_call_is_for_the_account_that_takes_it_whatever_name_is_called(tmp_path: Path) -> None:
    """A name must not be found out by what happens, and a door station may call any."""
    port = free_port()
    with (
        Kamailio(tmp_path, port, {"hasip": "secret"}),
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            **account(port),
            SIP2_ENABLED="true",
            SIP2_ID_URI="sip:direct@127.0.0.1",
        ) as gateway,
        Phone("door", host=STRANGER) as door,
    ):
        gateway.wait_log("Account 2 takes calls from everybody who reaches it")
        for user in ("hasip", "direct", "nobody"):
            door.call(f"sip:{user}@127.0.0.1:{gateway.port}")
            wait_until(lambda: house.event_names.count("incoming_call"), "the call")

        house.wait(lambda: house.event_names.count("incoming_call") == 3, "3 calls")
        calls = [event for event in house.events if event["event"] == "incoming_call"]
        assert [event["sip_account"] for event in calls] == [2, 2, 2]


@pytest.mark.parametrize("sender", ["stranger", "accepted"])
@pytest.mark.parametrize("build", ["default", "source"])
def test_a_flood_of_calls_leaves_the_call_that_is_up_its_audio_and_digits(
    tmp_path: Path, build: str, sender: str
) -> None:
    """1,000 requests a second are offered for 3 s: INVITE, REGISTER, INVITE, OPTIONS by turns."""
    python = python_of(build)
    tone = tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(1004, 60, -12.0))
    menu = {"menu": {**MENU["menu"], "audio_file": str(tone)}}
    options = "--accept-from 127.0.0.1" if sender == "stranger" else "--accept-from all"
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file=menu,
            LOG_LEVEL="2",
            python=python,
            SIP1_OPTIONS=options,
        ) as gateway,
        Phone("p") as phone,
        Phone("flood", host=STRANGER) as flood,
        Phone("late", host=STRANGER) as late,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        stream = call.stream
        wait_until(lambda: audio.level_dbfs(stream.samples[-800:] or [0]) > -15, "the prompt")
        before_mb, first = resident_mib(gateway.pid), len(stream.arrivals)
        started = time.monotonic()
        for number in range(3_000):
            method = ("INVITE", "REGISTER", "INVITE", "OPTIONS")[number % 4]
            request = flood.request(method, gateway.uri, f"<{gateway.uri}>")
            request.headers.append(("contact", f"<{flood.uri}>"))
            flood.send(request, gateway.address)
            time.sleep(max(0.0, started + number / 1_000 - time.monotonic()))
        if sender == "accepted":
            answers = [ask(late, "REGISTER", "house", gateway) for _ in range(5)]
            assert [a.get("retry-after") for a in answers if a.status == 503] != []
            assert {a.get("retry-after") for a in answers if a.status == 503} == {"2"}
        last = len(stream.arrivals)
        call.type_digits("7")

        wait_until(lambda: house.services, "the action")
        assert not call.is_ended.is_set()
        numbers = stream.sequence_numbers[first:last]
        lost = numbers[-1] - numbers[0] + 1 - len(numbers)
        heard = stream.arrivals[first:last]
        gaps = sorted(later - before for before, later in itertools.pairwise(heard))
        p99_ms = gaps[len(gaps) * 99 // 100] * 1000
        grown_mb = resident_mib(gateway.pid) - before_mb
        print(
            f"{build}, {sender}: {len(numbers)} packets, {lost} lost, p99 gap {p99_ms:.0f} ms, "
            f"memory +{grown_mb:.0f} MB"
        )
        assert lost % 0x10000 == 0
        assert len(numbers) > 120
        quiet = audio.level_dbfs(stream.samples[first * 160 : last * 160])
        assert -16 < quiet < -9
        assert grown_mb < 100
        if sender == "stranger" or build == "source":
            phone.call(gateway.uri).wait_answered()
