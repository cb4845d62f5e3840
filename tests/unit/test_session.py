"""Sessions, the registry and the dispatcher, with a leg and a speaker that are fakes."""

from __future__ import annotations

from typing import Any

import pytest

from hasip.calls.menu_file import MenuFile
from hasip.events.model import Side, SipCallId, Takeover
from support.house import FakeLeg, House
from support.menus import menu_tree


@pytest.fixture
def house() -> House:
    return House()


def test_a_call_from_dial_to_its_end(house: House) -> None:
    leg = house.dial(request_id="r", menu={"id": "m", "message": "Hi", "post_action": "hangup"})
    wav, ended = leg.playing[0]
    assert "Hi" in str(wav)
    house.wait(4)
    ended()
    assert leg.told == ["hang_up None"]
    leg.peer.on_disconnected(200, "OK", Side.LOCAL)

    assert house.names == [
        "outgoing_call_initiated",
        "call_established",
        "entered_menu",
        "playback_done",
        "call_disconnected",
    ]
    assert house.events[0]["request_id"] == "r"
    assert house.events[-1]["duration"] == 5.0
    assert len(house.registry) == 0
    assert house.loop.armed_timers == 0


def test_a_call_that_ends_while_its_speech_is_made_plays_nothing(house: House) -> None:
    house.command(command="dial", number="sip:a@b", menu={"message": "Hi"})
    leg = house.lines[1].legs[0]
    leg.peer.on_connected()
    leg.peer.on_disconnected(200, "OK", Side.REMOTE)
    house.wait(2)
    assert leg.playing == []
    assert house.names[-1] == "call_disconnected"


def test_a_call_that_cannot_be_answered_is_refused(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    leg = FakeLeg("<sip:x@y>")
    leg.is_broken = True
    house.desk.incoming(leg, house.lines[1], MenuFile())
    house.loop.run_pending()
    assert leg.told == ["hang_up 500"]
    assert "[<sip:x@y>] cannot answer: it is gone" in caplog.text
    assert house.names[-1] == "call_disconnected"
    assert house.events[-1]["sip_code"] == 500
    assert "it is gone" in house.events[-1]["sip_reason"]
    assert len(house.registry) == 0


def test_ids_are_unique_and_found_in_the_order_of_the_contract(house: House) -> None:
    legs = [FakeLeg('"Me" <sip:555@y>') for _ in range(3)]
    for leg in legs:
        house.desk.incoming(leg, house.lines[1], MenuFile())
    ids = [call.info.internal_id for call in house.registry]
    assert ids == ['"Me" <sip:555@y>', '"Me" <sip:555@y>#2', '"Me" <sip:555@y>#3']
    for number, expected in {
        ids[1]: legs[1],
        '"Me" <sip:555@y>': legs[0],
        "sip:555@y": legs[0],
        "555": legs[0],
        legs[2].call_id: legs[2],
    }.items():
        found = house.registry.find(number)
        assert found is not None
        assert found.info.call_id == expected.call_id
    assert house.registry.find("55") is None


def test_a_call_that_changed_hands_keeps_its_id_and_new_calls_get_others(house: House) -> None:
    """`a` handed the call over to `b`; then both call, and `a`'s first id is taken."""
    legs = [FakeLeg(f"<sip:{name}@y>") for name in "aab"]
    handed_over, from_a, from_b = legs
    house.desk.incoming(handed_over, house.lines[1], MenuFile())
    handed_over.remote_uri, handed_over.call_id = "<sip:b@y>", SipCallId("new")
    handed_over.peer.on_peer_changed(Takeover.REPLACES)
    house.desk.incoming(from_a, house.lines[1], MenuFile())

    def call_id_of(number: str) -> str | None:
        found = house.registry.find(number)
        return None if found is None else found.info.call_id

    ids = [call.info.internal_id for call in house.registry]
    assert ids == ["<sip:a@y>", "<sip:a@y>#2"]
    assert call_id_of("<sip:a@y>") == call_id_of("b") == call_id_of("new") == "new"
    assert call_id_of("a") == call_id_of("sip:a@y") == from_a.call_id

    house.desk.incoming(from_b, house.lines[1], MenuFile())
    assert call_id_of("<sip:b@y>") == from_b.call_id  # an id goes before who talks
    assert call_id_of("b") == "new"  # among equals the oldest

    handed_over.peer.on_disconnected(200, "OK", Side.REMOTE)
    assert house.events[-1]["internal_id"] == "<sip:a@y>"
    assert call_id_of("<sip:a@y>") == from_a.call_id
    house.desk.incoming(FakeLeg("<sip:a@y>"), house.lines[1], MenuFile())
    assert [call.info.internal_id for call in house.registry][-1] == "<sip:a@y>"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"command": "dial", "number": "sip:none"}, "cannot call sip:none: bad URI"),
        (
            {"command": "dial", "number": "1", "sip_account": 2},
            "sip_account 2 is not configured; configured: 1, 3",
        ),
        ({"command": "dial", "number": "sip:up@b"}, "a call with sip:up@b is active already"),
        ({"command": "hangup", "number": "nobody"}, 'no active call matches "nobody"; active: sip'),
        ({"command": "answer", "number": "nobody"}, "no active call matches"),
        ({"command": "play_message", "number": "self", "message": "x"}, "no active call matches"),
        (
            {"command": "dial", "number": "2", "menu": {"post_action": "fly"}},
            'return <levels> or jump <menu-id>; got "fly"',
        ),
    ],
)
def test_what_cannot_be_done_is_told(house: House, fields: dict[str, Any], error: str) -> None:
    house.dial("sip:up@b")
    house.command(**fields, request_id="q")
    failed = house.events[-1]
    assert failed["event"] == "command_failed"
    assert failed["command"] == fields["command"]
    assert failed["number"] == fields["number"]
    assert failed["request_id"] == "q"
    assert error in failed["error"]
    assert len(house.registry) == 1


def test_a_dial_that_fails_goes_to_the_webhook_it_names_for_that(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks = {"command_failed": "mine", "call_established": "other"}
    for number in ("sip:up@b", "sip:up@b"):
        house.command(command="dial", number=number, webhook_to_call=webhooks)

    assert house.names == ["outgoing_call_initiated", "command_failed"]
    assert house.webhooks == [None, "mine"]
    assert "unknown event" not in caplog.text


def test_an_action_works_on_its_own_call_and_tells_when_it_fails(house: House) -> None:
    house.services.error = "400"
    menu = {
        "choices": {
            "1": {"action": {"command": "play_message", "number": "self", "message": "Yes"}},
            "2": {"action": {"domain": "d", "service": "s", "request_id": "z"}},
        }
    }
    leg = house.dial(menu=menu)
    leg.peer.on_digit("1")
    house.loop.run_pending()
    assert "Yes" in str(leg.playing[0][0])
    house.command(command="answer", number="sip:a@b", menu=menu)
    leg.peer.on_digit("2")
    house.loop.run_pending()
    assert house.names[-1] == "service_failed"
    assert house.events[-1]["error"] == "400"
    assert house.events[-1]["request_id"] == "z"


def test_a_broken_menu_file_and_reject_mode(house: House) -> None:
    listens, rejected = FakeLeg("<sip:a@y>"), FakeLeg("<sip:b@y>")
    house.desk.incoming(listens, house.lines[1], MenuFile(is_broken=True, tree=menu_tree()))
    house.desk.incoming(rejected, house.lines[3], MenuFile())
    assert listens.told == []
    assert rejected.told == ["hang_up 603"]
    house.wait(300)
    assert listens.told == ["hang_up 480"]
    assert "ring_timeout" in house.names


def test_quit_and_state(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hasip")
    house.command(command="state")
    house.dial("sip:a@b")
    house.command(command="state")
    house.command(command="quit")
    lines = [record.message for record in caplog.records]
    assert "No active calls." in lines
    at = lines.index("Currently registered calls:")
    call_id = house.lines[1].legs[0].call_id
    assert lines[at + 1] == f"    sip:a@b, a, {call_id}"
    assert house.has_quit
