"""How calls end: each kind with a real peer, in the event and in a line that people understand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.netns import Network
from support.open_line import OpenLine, open_line
from support.ports import free_port
from support.sipp import Sipp
from support.sipp_script import Script, sdp
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# It needs half a minute, so it begins here: see test_unanswered.py.
pytestmark = pytest.mark.usefixtures("nobody")


@pytest.fixture(scope="module", params=["wheel", "source"])
def build(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared_line(build: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenLine]:
    """Return a gateway that answers none but 1234."""
    friends = {"allowed_numbers": ["1234"], "menu": {"message": "Hello"}}
    folder = tmp_path_factory.mktemp("line")
    with open_line(folder, menu_file=friends, python=python_of(build)) as line:
        yield line


def ended(line: OpenLine, outcome: str, code: int, words: str) -> None:
    """See that a call ended so, in the event and in the log."""
    event = line.ended()
    said = line.gateway.wait_log("the call ended: ")

    assert (event["outcome"], event["sip_code"]) == (outcome, code), said
    assert f"the call ended: {words} ({outcome}; {code}" in said


@pytest.mark.parametrize(
    ("status", "rings", "outcome", "words"),
    [
        ("486 Busy Here", True, "busy", "the other side is busy"),
        ("600 Busy Everywhere", False, "busy", "the other side is busy"),
        ("603 Decline", True, "declined", "the other side declined it"),
        ("408 Request Timeout", True, "no_answer", "nobody answered"),
        ("480 Temporarily Unavailable", True, "no_answer", "nobody answered"),
        ("480 Not Registered", False, "unreachable", "the other side or its server can't be"),
        ("503 Service Unavailable", False, "unreachable", "the other side or its server can't be"),
        ("404 Not Found", False, "not_found", "there is no such number"),
        ("484 Address Incomplete", False, "not_found", "there is no such number"),
        ("604 Nowhere", False, "not_found", "there is no such number"),
        ("403 Forbidden", False, "forbidden", "the account may not call there, or its password"),
    ],
)
def test_a_refusal_is_told_as_what_it_means(
    line: OpenLine,
    status: str,
    rings: bool,  # noqa: FBT001
    outcome: str,
    words: str,
) -> None:
    script = Script().hear("INVITE")
    if rings:
        script.reply("180 Ringing")
    with Sipp(script.reply(status).hear("ACK"), line.folder) as sipp:
        line.command("dial", sipp.uri)
        sipp.finish()
        event = line.ended()
        said = line.gateway.wait_log("the call ended: ")

    assert (event["outcome"], event["sip_code"]) == (outcome, int(status[:3])), said
    assert event["sip_reason"] == status[4:]
    assert (event["hangup_by"], event["duration"]) == ("remote", 0)
    assert f"the call ended: {words}" in said
    assert f"({outcome}; {status})" in said


def test_a_phone_that_only_rings_is_given_up_after_the_ring_timeout(line: OpenLine) -> None:
    script = Script().hear("INVITE").reply("180 Ringing").is_taken_back()
    with Sipp(script, line.folder) as sipp:
        line.command("dial", sipp.uri, ring_timeout=0.5)
        sipp.finish()

    ended(line, "no_answer", 487, "nobody answered")
    assert line.house.event_names.count("ring_timeout") == 1


def test_a_call_that_we_take_back_is_cancelled(line: OpenLine) -> None:
    script = Script().hear("INVITE").reply("180 Ringing").is_taken_back()
    with Sipp(script, line.folder) as sipp:
        line.command("dial", sipp.uri)
        line.gateway.wait_log("SIP/2.0 180")
        line.command("hangup", sipp.uri)
        sipp.finish()

    ended(line, "cancelled", 487, "taken back before it was answered")


@pytest.mark.parametrize("by", ["we", "the other side"])
def test_a_call_that_was_up_is_completed_by_whom_the_line_names(line: OpenLine, by: str) -> None:
    script = Script().hear("INVITE").answer(sdp())
    script = script.hear("BYE").reply("200 OK") if by == "we" else script.ask("BYE").hear(200)
    with Sipp(script, line.folder) as sipp:
        line.command("dial", sipp.uri)
        if by == "we":
            line.house.wait_event("call_established")
            line.command("hangup", sipp.uri)
        sipp.finish()

    ended(line, "completed", 200, f"{by} hung up")


def test_a_caller_whom_the_filter_keeps_out_only_hears_it_ring(line: OpenLine) -> None:
    script = Script(calls=True).invite(sdp()).hear(180).pause(300).give_up()
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        sipp.finish()

    ended(line, "filtered", 487, "not answered: the caller is not among those who may")


def test_a_caller_who_is_refused_gets_the_code_of_the_command(line: OpenLine) -> None:
    script = Script(calls=True).invite(sdp()).hear(180).is_refused(486)
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        line.house.wait_event("incoming_call")
        line.command("hangup", "sipp", sip_code=486)
        sipp.finish()

    ended(line, "rejected", 486, "refused here")


def test_a_server_that_refuses_the_connection_is_unreachable_at_once(line: OpenLine) -> None:
    began = time.monotonic()
    line.command("dial", f"sip:x@127.0.0.1:{free_port()};transport=tcp")
    ends = {"command_failed", "call_disconnected"}
    wait_until(lambda: ends & set(line.house.event_names), "word of the call that failed")

    # Where the refusal is there before the INVITE could be sent, there was never a call.
    if "command_failed" in line.house.event_names:
        assert "cannot call sip:x@127.0.0.1" in line.house.wait_event("command_failed")["error"]
    else:
        ended(line, "unreachable", 503, "the other side or its server can't be reached")
    assert time.monotonic() - began < 5


def test_a_server_that_there_is_no_route_to_is_unreachable_at_once(
    build: str, tmp_path: Path
) -> None:
    with Network() as network:
        lonely = network.machine("lonely")
        lonely.bridge("lan0", "192.168.1.2/24")
        with (
            lonely.entered(),
            open_line(tmp_path, python=python_of(build), host="192.168.1.2") as line,
        ):
            began = time.monotonic()
            line.command("dial", "sip:x@203.0.113.5")

            ended(line, "unreachable", 503, "the other side or its server can't be reached")
            assert time.monotonic() - began < 5
