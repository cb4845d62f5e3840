"""Calls are taken from the registrar only; strangers learn nothing, and a flood harms no call."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hasip.sip.strangers import ANSWERS_TO_STRANGER, STRAYS_AT_ONCE, STRAYS_PER_S
from support import audio, sip_flood
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.phone import Phone
from support.ports import free_port
from support.process import resident_mib
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.phone.message import Message

STRANGER = "127.0.0.3"
MENU: dict[str, Any] = {
    "menu": {"choices": {"7": {"action": {"domain": "cover", "service": "open"}}}}
}


def ask(phone: Phone, method: str, user: str, gateway: GatewayProcess, to: str = "<{}>") -> Message:
    """Send a request as a scanner does; returns the answer."""
    uri = f"sip:{user}@127.0.0.1:{gateway.port}"
    request = phone.request(method, uri, to.format(uri))
    request.headers.append(("contact", f"<{phone.uri}>"))
    return phone.transact(request, gateway.address, 3.0)


def test_strangers_get_the_same_answer_for_every_name_then_none_and_no_event_is_sent(
    tmp_path: Path,
) -> None:
    port = free_port()
    with (
        Kamailio(tmp_path, port, {"hasip": "secret", "alice": "apple"}) as registrar,
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=MENU, **account_at(port)) as gateway,
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


def test_a_request_that_only_says_it_belongs_to_a_call_opens_no_door(tmp_path: Path) -> None:
    options = "--accept-from 127.0.0.1"
    with (
        GatewayProcess(tmp_path, menu_file=MENU, SIP1_OPTIONS=options) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        for number, to in enumerate(
            ('"a;tag=1" <{}>', "<{}>;tag=forged", f"<{{}}>;tag={call.tag}")
        ):
            with Phone("scan", host=f"127.0.0.{60 + number}") as scanner:
                for method in ("INVITE", "OPTIONS", "BYE", "INFO"):
                    answer = ask(scanner, method, "house", gateway, to)
                    assert answer.start == "SIP/2.0 403 Forbidden"
        # What belongs to a call passes from wherever it comes: a proxy may have several addresses.
        with Phone("p", host="127.0.0.70") as elsewhere:
            call.address = gateway.address
            phone.socket, elsewhere.socket = elsewhere.socket, phone.socket
            assert call.reinvite() == 200
            call.hang_up()
        gateway.wait_log("Removing call")


def test_who_is_named_by_accept_from_may_call_beside_the_registrar(tmp_path: Path) -> None:
    port = free_port()
    options = f"--accept-from registrar,{STRANGER}/32"
    with (
        Kamailio(tmp_path, port, {"hasip": "secret"}),
        GatewayProcess(tmp_path, menu_file=MENU, **account_at(port, options=options)) as gateway,
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
            **account_at(port),
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


# A second: half of it calls; and what says that it belongs to a call, but there is none.
FLOOD = {
    "INVITE": 500,
    "REGISTER": 250,
    "OPTIONS": 250,
    "ACK": 50,
    "CANCEL": 50,
    **dict.fromkeys(("~INVITE", "~BYE", "~ACK", "~INFO"), 100),
}
# Some 240 calls may be up, which nobody has ended.
MOST_GROWN_MIB = 250


@pytest.mark.parametrize("sender", ["stranger", "accepted"])
@pytest.mark.parametrize("build", ["default", "source"])
def test_a_flood_of_calls_leaves_the_call_that_is_up_its_audio_and_digits(
    tmp_path: Path, build: str, sender: str
) -> None:
    """1,500 requests a second are offered for 3 s; see `FLOOD`."""
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
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("call_established")
        stream = call.stream
        wait_until(lambda: audio.level_dbfs(stream.samples[-800:] or [0]) > -15, "the prompt")
        before_mib, first = resident_mib(gateway.pid), len(stream.arrivals)
        answers = flood(gateway, STRANGER, 3, FLOOD)
        last = len(stream.arrivals)
        call.type_digits("7")

        wait_until(lambda: house.services, "the action")
        assert not call.is_ended.is_set()
        numbers = stream.sequence_numbers[first:last]
        lost = (numbers[-1] - numbers[0] + 1 - len(numbers)) % 0x10000
        heard = stream.arrivals[first:last]
        gaps = sorted(later - before for before, later in itertools.pairwise(heard))
        p99_ms = gaps[len(gaps) * 99 // 100] * 1000
        grown_mib = resident_mib(gateway.pid) - before_mib
        print(
            f"{build}, {sender}: {len(numbers)} packets, {lost} lost, p99 gap {p99_ms:.0f} ms, "
            f"memory +{grown_mib:.0f} MiB; answers: {answers}"
        )
        assert lost == 0
        assert len(numbers) > 120
        quiet = audio.level_dbfs(stream.samples[first * 160 : last * 160])
        assert -16 < quiet < -9
        assert grown_mib < MOST_GROWN_MIB
        look_at_answers(answers, sender, build)
        if sender == "stranger" or build == "source":
            phone.call(gateway.uri).wait_answered()


def look_at_answers(answers: dict[str, int], sender: str, build: str) -> None:
    """Look at how many of each kind were answered by what; the rest was not."""
    if sender == "stranger":
        assert {what.split()[1] for what in answers} == {"403"}
        assert 0 < sum(answers.values()) <= ANSWERS_TO_STRANGER
        return
    # With Retry-After: 2. Sixty new calls a second keep a source build busy: the kernel drops most.
    assert answers["INVITE 503 2"] > (1_000 if build == "default" else 20)
    if build == "default":
        assert answers["REGISTER 503 2"] + answers["OPTIONS 503 2"] > 500
    is_full = answers.get("INVITE 486", 0) > 0  # a wheel has room for 4 calls
    assert is_full == (build == "default")
    strays = sum(number for what, number in answers.items() if what.endswith(" 481"))
    assert 0 < strays <= STRAYS_AT_ONCE + 5 * STRAYS_PER_S
    assert not [what for what in answers if "ACK" in what]


def flood(
    gateway: GatewayProcess, source: str, seconds: int, per_s: Mapping[str, int]
) -> dict[str, int]:
    """Send so many requests of each kind a second; returns how many got which answer."""
    program = Path(sip_flood.__file__)
    rates = [f"{kind}={rate}" for kind, rate in per_s.items()]
    host, port = gateway.address
    done = subprocess.run(
        [sys.executable, program, host, str(port), source, str(seconds), *rates],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout)
    print(f"offered {told['sent']} requests in {told['took_s']} s")
    answers: dict[str, int] = told["answers"]
    return answers
