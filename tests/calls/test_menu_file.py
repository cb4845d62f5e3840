"""A menu file as it is used: read anew when it changes, and never a reason not to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = [
    "incoming_call",
    "call_established",
    "entered_menu",
    "dtmf_digit",
    "playback_done",
    "timeout",
    "call_disconnected",
]


def test_a_broken_file_only_listens_says_so_and_is_taken_once_it_is_right(tmp_path: Path) -> None:
    file = tmp_path / "menu.yaml"
    file.write_text("menu:\n  mesage: Hi\n  timeout: soon\n")
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_INCOMING_CALL_FILE=str(file)) as gateway,
        Phone("p") as phone,
    ):
        problem = f'{file}:3: menu.timeout: must be a number; got "soon"'
        gateway.wait_log(f"Account 1 only listens: {problem}")
        call = phone.call(gateway.uri)
        call.wait_status(180)
        house.wait_event("incoming_call")
        gateway.command({"command": "state"})
        gateway.wait_log("Accounts:")
        gateway.wait_log(f"without registrar, only listens: {problem}")
        assert not call.is_answered.is_set()
        call.cancel()
        call.wait_ended()
        assert sum("only listens: /" in line and "ERROR" in line for line in gateway.lines) == 1

        file.write_text("menu:\n  mesage: Hi\n  id: new\n")
        phone.call(gateway.uri).wait_answered()
        gateway.wait_log('menu.mesage: unknown key "mesage"; did you mean "message"?')
        assert house.wait_event("entered_menu")["menu_id"] == "new"

        file.unlink()
        phone.call(gateway.uri).wait_status(180)
        gateway.wait_log(f"{file}: cannot be read: No such file or directory")


def test_every_event_goes_to_its_own_webhook_first(tmp_path: Path) -> None:
    menu = {
        "webhook_to_call": {name: f"own_{name}" for name in EVENTS},
        "menu": {"id": "main", "message": "Hi", "timeout": 2, "choices": {"12": {}}},
    }
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file=menu) as gateway,
        Phone("p") as phone,
    ):
        call = phone.call(gateway.uri).wait_answered()
        house.wait_event("playback_done")
        call.type_digits("1")
        call.wait_ended()
        house.wait(lambda: house.event_names.count("call_disconnected") == 2, "the end, twice")

        for name in EVENTS:
            paths = [
                item.path for item in house.requests if item.body and name in item.body.values()
            ]
            assert paths == [f"webhook/own_{name}", "webhook/all_events"]
