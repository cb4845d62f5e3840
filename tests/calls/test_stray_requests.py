"""Requests that pjsip has nothing for, outside of calls and within: each gets an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hasip.sip.stray_requests import answer_to
from support.gateway import GatewayProcess
from support.phone import Phone
from support.source_build import BUILDS, on_builds, python_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

TEXT = (("content-type", "text/plain"),)
both_builds = on_builds(*BUILDS)


@both_builds
def test_a_request_outside_of_a_call_gets_an_answer(tmp_path: Path, build: str) -> None:
    cases = [
        ("OPTIONS", (), 200),
        ("MESSAGE", TEXT, 200),
        ("SUBSCRIBE", (("event", "dialog"),), 489),
        ("SUBSCRIBE", (("event", "presence"),), 489),  # pjsua itself says yes
        ("SUBSCRIBE", (), 489),
        ("PUBLISH", (("event", "presence"),), 405),
        ("REGISTER", (), 405),
        ("WHATEVER", (), 405),
        ("REFER", (("refer-to", "<sip:x@127.0.0.1>"),), 405),
        ("NOTIFY", (("event", "check-sync"),), 481),
        ("INFO", (), 481),
        ("UPDATE", (), 481),
        ("PRACK", (), 481),
        ("BYE", (), 481),
    ]
    python = python_of(build)
    with GatewayProcess(tmp_path, menu_file={}, python=python) as gateway, Phone("p") as phone:
        for method, headers, status in cases:
            request = phone.request(method, gateway.uri, f"<{gateway.uri}>")
            request.headers += [("contact", f"<{phone.uri}>"), *headers]
            answer = phone.transact(request, gateway.address, 3.0)

            assert (method, answer.status) == (method, status)
            if status == 489:
                assert answer.get("allow-events") == "refer"
            if status == 405:
                assert "INVITE, ACK, BYE, CANCEL" in (answer.get("allow") or "")
        lost = phone.request("ACK", gateway.uri, f"<{gateway.uri}>")
        phone.send(lost, gateway.address)
        phone.call(gateway.uri).wait_answered()


@both_builds
def test_a_request_within_a_call_gets_an_answer_and_the_call_goes_on(
    tmp_path: Path, build: str
) -> None:
    # pjsip itself says 500; our build knows better (scripts/pjproject-2.17.patch).
    answers = {"OPTIONS": 200, "INFO": 200, "SUBSCRIBE": 489, "NOTIFY": 489}
    python = python_of(build)
    with GatewayProcess(tmp_path, menu_file={}, python=python) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()

        def ask(method: str, *headers: tuple[str, str]) -> Message:
            request = call._in_dialog(method)
            request.headers += headers
            return phone.transact(request, call.address, 3.0)

        assert ask("MESSAGE", *TEXT).status == 200
        assert ask("UPDATE").status == 200
        assert ask("REFER", ("refer-to", "<sip:x@127.0.0.1>")).status == 603
        for method in (*answers, "PUBLISH", "WHATEVER"):
            expected = answers.get(method, 405) if build == "source" else 500
            assert (method, ask(method, ("event", "talk")).status) == (method, expected)
        assert not call.is_ended.is_set()
        call.hang_up()


@both_builds
@pytest.mark.parametrize("who", ["phone", "gateway"])
def test_an_invite_within_a_call_that_is_over_gets_an_answer(
    tmp_path: Path, build: str, who: str
) -> None:
    """A phone's hold that meets the BYE of either side; pjsip itself says nothing."""
    python = python_of(build)
    with GatewayProcess(tmp_path, menu_file={}, python=python) as gateway, Phone("p") as phone:
        call = phone.call(gateway.uri).wait_answered()
        if who == "phone":
            call.hang_up()
        else:
            gateway.wait_log("Registering call")
            gateway.command({"command": "hangup", "number": f"<{phone.uri}>"})
            call.wait_ended()

        assert call.reinvite("sendonly") == 481
        assert call.reinvite("sendrecv") == 481
        phone.call(gateway.uri).wait_answered()


@pytest.mark.parametrize(
    ("method", "code"),
    [("ACK", None), ("PUBLISH", 405), ("INFO", 481), ("NOTIFY", 481), ("CANCEL", 481)],
)
def test_each_method_has_its_code(method: str, code: int | None) -> None:
    assert answer_to(method) == code
