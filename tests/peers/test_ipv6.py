"""SIP and RTP by IPv6, alone and beside IPv4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hasip.sip.build import HAS_IPV6
from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.phone import Phone
from support.ports import free_port
from support.source_build import source_python

if TYPE_CHECKING:
    from pathlib import Path

USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
MENU = {"menu": {"message": "Welcome to the house"}}
BOTH = "--bind-address 127.0.0.1,::1"


def test_a_phone_calls_and_is_called_by_ipv6(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, python=source_python(), house=house, host="::1", menu_file=MENU
        ) as gateway,
        Phone("alice", host="::1") as alice,
    ):
        spoken = audio.read_wav(house.speak("Welcome to the house"))
        call = alice.call(gateway.uri).wait_answered()
        call.wait_sound()
        call.wait_quiet()
        assert audio.likeness(call.stream.samples, spoken) > 0.8
        call.hang_up()
        house.wait_event("call_disconnected")

        gateway.command({"command": "dial", "number": alice.uri, **MENU})
        call = alice.wait_call().wait_answered()
        call.wait_sound()
        assert house.wait_event("outgoing_call_initiated")["parsed_remote_uri"] == "alice"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_registrar_by_ipv6_and_phones_by_both_at_one_gateway(
    tmp_path: Path, transport: str
) -> None:
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with (
        Kamailio(folder, free_port(), USERS, host="::1") as kamailio,
        GatewayProcess(
            tmp_path,
            python=source_python(),
            menu_file=MENU,
            GLOBAL_OPTIONS=BOTH,
            SIP1_ID_URI=f"sip:hasip@[::1]:{kamailio.port}",
            SIP1_REGISTRAR_URI=f"sip:[::1]:{kamailio.port};transport={transport}",
            SIP1_USER_NAME="hasip",
            SIP1_PASSWORD=USERS["hasip"],
        ) as gateway,
        Phone("alice", host="::1", password=USERS["alice"], proxy=("::1", kamailio.port)) as six,
        Phone("bob") as four,
    ):
        gateway.wait_log("): registered")
        six.call(f"sip:hasip@[::1]:{kamailio.port}").wait_answered().wait_sound()
        four.call(gateway.uri).wait_answered().wait_sound()


def test_ipv6_on_listens_on_all_addresses_of_both_kinds(tmp_path: Path) -> None:
    with (
        GatewayProcess(
            tmp_path, python=source_python(), menu_file=MENU, GLOBAL_OPTIONS="--ipv6 on"
        ) as gateway,
        Phone("alice", host="::1") as six,
        Phone("bob") as four,
    ):
        assert six.ping(("::1", gateway.port)) < 2
        assert four.ping(gateway.address) < 2
        assert six.call(f"sip:house@[::1]:{gateway.port}").wait_answered()


def test_without_it_ipv6_is_not_listened_on(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, menu_file=MENU, GLOBAL_OPTIONS="") as gateway,
        Phone("alice", host="::1") as six,
        Phone("bob") as four,
    ):
        assert four.ping(gateway.address) < 2
        with pytest.raises(AssertionError, match="no answer"):
            six.ping(("::1", gateway.port), timeout_s=2)


@pytest.mark.skipif(HAS_IPV6, reason="only the wheel lacks it")
def test_a_build_without_ipv6_says_so_and_goes_on_by_ipv4(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, GLOBAL_OPTIONS=BOTH) as gateway,
        Phone("bob") as phone,
    ):
        gateway.wait_log("IPv6: this pjsua2 was built without it")
        assert phone.ping(gateway.address) < 2
