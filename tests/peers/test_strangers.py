"""Calls are taken from the registrar only, and strangers learn nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasip.sip.strangers import ANSWERS_TO_STRANGER
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.phone import Phone
from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

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
        call.address = gateway.address
        phone.move("127.0.0.70")
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
        assert not [line for line in gateway.own_lines if "takes calls from everybody" in line]


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
        for number, user in enumerate(("hasip", "direct", "nobody"), start=1):
            door.call(f"sip:{user}@127.0.0.1:{gateway.port}")
            house.wait(
                lambda wanted=number: house.event_names.count("incoming_call") == wanted, user
            )

        calls = [event for event in house.events if event["event"] == "incoming_call"]
        assert [event["sip_account"] for event in calls] == [2, 2, 2]
