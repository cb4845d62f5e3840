"""SIPp as caller and callee, through a real proxy."""

from __future__ import annotations

from pathlib import Path

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio
from support.ports import free_port
from support.sipp import run_caller, start_callee

SCENARIO = str(Path(__file__).with_name("uac_record_route.xml"))
MENU = {
    "menu": {
        "choices": {
            "7": {"action": {"domain": "cover", "service": "open"}, "post_action": "hangup"}
        }
    }
}


def test_sipp_calls_through_the_proxy_types_a_digit_and_is_hung_up_on(tmp_path: Path) -> None:
    port = free_port()
    with (
        Kamailio(tmp_path, port, {"hasip": "secret"}) as registrar,
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path,
            house=house,
            menu_file=MENU,
            SIP1_ID_URI=f"sip:hasip@127.0.0.1:{port}",
            SIP1_REGISTRAR_URI=f"sip:127.0.0.1:{port}",
            SIP1_USER_NAME="hasip",
            SIP1_PASSWORD="secret",
        ) as gateway,
    ):
        gateway.wait_log("): registered")
        run_caller(SCENARIO, registrar.address, "hasip", tmp_path, calls=3)

        house.wait(lambda: house.event_names.count("call_disconnected") == 3, "3 ends")
        house.wait(lambda: len(house.services) >= 3, "3 actions")
        assert [name for name, _ in house.services] == ["cover/open"] * 3


def test_sipp_is_called_and_hangs_up_nothing_by_itself(tmp_path: Path) -> None:
    port = free_port()
    callee = start_callee(port, tmp_path)
    try:
        with (
            StandInHomeAssistant() as house,
            GatewayProcess(tmp_path, house=house) as gateway,
        ):
            number = f"sip:service@127.0.0.1:{port}"
            gateway.command({"command": "dial", "number": number, "menu": {"message": "Hello"}})
            house.wait_event("playback_done")
            gateway.command({"command": "hangup", "number": number})
            house.wait_event("call_disconnected")

            assert callee.wait(10) == 0
    finally:
        if callee.poll() is None:
            callee.kill()
            callee.wait()
