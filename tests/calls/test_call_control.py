"""Calls that the other side sends elsewhere: redirects, REFER, INVITE with Replaces.

All of it runs on the source build, which we ship; on the wheel as well what could crash pjsip.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.open_line import OpenLine, open_line
from support.phone import Phone, PhoneCall
from support.source_build import BUILDS, on_builds, python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = "Press one"
MENU = {
    "id": "door",
    "message": PROMPT,
    "choices": {"1": {"action": {"domain": "lock", "service": "unlock"}, "post_action": "hangup"}},
}


@pytest.fixture(scope="module")
def options(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "")


@pytest.fixture(scope="module")
def shared_line(
    tmp_path_factory: pytest.TempPathFactory, options: str, build: str
) -> Iterator[OpenLine]:
    folder, python = tmp_path_factory.mktemp("line"), python_of(build)
    with open_line(folder, menu_file={"menu": MENU}, python=python, SIP1_OPTIONS=options) as line:
        yield line


both_builds = on_builds(*BUILDS)


def with_options(text: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("options", [text], indirect=True, scope="module")


def dial(line: OpenLine, phone: Phone) -> PhoneCall:
    """Have the gateway call a phone, and wait until its prompt was heard."""
    call = line.dial(phone, menu=MENU)
    line.house.wait_event("playback_done")
    return call


def works(line: OpenLine) -> None:
    """See that the gateway takes calls as before."""
    with Phone("later") as phone:
        phone.call(line.gateway.uri).wait_answered()


def heard_the_prompt(line: OpenLine, call: PhoneCall) -> None:
    """Wait until somebody has heard all of the prompt."""
    call.wait_sound()
    call.wait_quiet()
    spoken = audio.read_wav(line.house.speak(PROMPT))
    assert audio.likeness(call.stream.samples, spoken) > 0.8


# --- redirects ------------------------------------------------------------------------------


@both_builds
def test_a_redirect_is_followed_to_the_phone_that_it_names(line: OpenLine) -> None:
    with Phone("new") as new, Phone("old", redirect_to=new.uri) as old:
        line.command("dial", old.uri, menu=MENU)
        call = new.wait_call().wait_answered()
        heard_the_prompt(line, call)

        assert line.house.wait_event("call_established")["remote_uri"] == old.uri
        line.gateway.wait_log(f"redirects to {new.uri}")


@both_builds
def test_the_sixth_redirect_is_not_followed(line: OpenLine) -> None:
    with ExitStack() as stack:
        phones = [stack.enter_context(Phone("p6"))]
        for number in range(5, -1, -1):
            phone = Phone(f"p{number}", redirect_to=phones[0].uri)
            phones.insert(0, stack.enter_context(phone))
        line.command("dial", phones[0].uri)
        ended = line.ended()

        assert (ended["sip_code"], ended["outcome"]) == (302, "redirected")
        assert ended["hangup_by"] == "remote"
        assert [len(phone.calls) for phone in phones] == [1, 1, 1, 1, 1, 1, 0]
    works(line)


def test_redirects_in_a_circle_end(line: OpenLine) -> None:
    with Phone("a") as a, Phone("b", redirect_to=a.uri) as b:
        a.redirect_to = b.uri
        line.command("dial", a.uri)

        assert line.ended()["outcome"] == "redirected"
        assert len(a.calls) == len(b.calls) == 1
    works(line)


@with_options("--follow-redirect off")
def test_a_redirect_may_end_the_call_instead(line: OpenLine) -> None:
    with Phone("new") as new, Phone("old", redirect_to=new.uri) as old:
        line.command("dial", old.uri)
        ended = line.ended()

        assert (ended["sip_code"], ended["outcome"]) == (302, "redirected")
        assert new.calls == {}
    works(line)


@pytest.mark.parametrize(
    "target",
    ["mailto:somebody@home", "tel:+4912345", "sip:x@no-such-host.invalid", "http://x/y"],
)
@both_builds
def test_a_redirect_to_something_odd_only_ends_the_call(line: OpenLine, target: str) -> None:
    with Phone("old", redirect_to=target) as old:
        line.command("dial", old.uri)

        assert line.ended()["outcome"] in ("redirected", "unreachable")
    works(line)


follows_transfers = with_options("--follow-transfer on")


# --- REFER ----------------------------------------------------------------------------------


def test_a_transfer_by_the_peer_is_declined_by_default(line: OpenLine) -> None:
    with Phone("a") as a, Phone("b") as b:
        call = dial(line, a)
        assert call.refer(b.uri) == 603
        call.type_digits("1")
        call.wait_ended()

        assert b.calls == {}
        line.house.wait_service("lock/unlock")
        assert [name for name, _ in line.house.services] == ["lock/unlock"]
        assert line.ended()["outcome"] == "completed"


@both_builds
@follows_transfers
def test_a_transfer_by_the_peer_goes_on_in_the_same_menu(line: OpenLine) -> None:
    with Phone("a") as a, Phone("b") as b:
        call = dial(line, a)
        assert call.refer(b.uri) == 202
        other = b.wait_call().wait_answered()
        heard_the_prompt(line, other)
        told = line.house.wait_event("call_transferred")
        assert told["how"] == "refer"
        assert (told["previous_remote_uri"], told["remote_uri"]) == (a.uri, b.uri)
        assert told["internal_id"] == a.uri
        assert (told["previous_call_id"], told["call_id"]) == (call.call_id, other.call_id)
        wait_until(lambda: call.notified[-1:] == ["SIP/2.0 200 OK"], "the final NOTIFY")
        call.wait_ended()  # though the phone does not hang up itself
        other.type_digits("1")
        other.wait_ended()

        assert line.ended()["call_id"] == other.call_id
        assert [name for name, _ in line.house.services] == ["lock/unlock"]
        assert line.house.event_names.count("call_disconnected") == 1


@follows_transfers
def test_a_peer_that_leaves_while_the_other_phone_rings_is_replaced_all_the_same(
    line: OpenLine,
) -> None:
    with Phone("a") as a, Phone("b", answer_after_s=None) as b:
        call = dial(line, a)
        call.refer(b.uri)
        other = b.wait_call()
        call.hang_up()
        line.gateway.wait_log("BYE")
        other.answer()
        heard_the_prompt(line, other)
        other.hang_up()

        ended = line.ended()
        assert (ended["remote_uri"], ended["hangup_by"]) == (b.uri, "remote")


@follows_transfers
@pytest.mark.parametrize("leaves", [False, True])
def test_a_transfer_to_a_busy_phone(line: OpenLine, leaves: bool) -> None:  # noqa: FBT001
    with Phone("a") as a, Phone("b", answer_after_s=None) as b:
        call = dial(line, a)
        call.refer(b.uri)
        other = b.wait_call()
        if leaves:
            call.hang_up()
        other.reject(486)
        if leaves:
            assert line.ended()["remote_uri"] == a.uri
        else:
            wait_until(lambda: call.notified[-1:] == ["SIP/2.0 486 Busy Here"], "NOTIFY of 486")
            line.gateway.wait_log("it goes on: 486")
            with Phone("c") as c:
                assert call.refer(c.uri) == 202  # another try is welcome
                heard_the_prompt(line, c.wait_call().wait_answered())
    works(line)


@on_builds("wheel")
@follows_transfers
@pytest.mark.parametrize("leaves", [False, True])
def test_what_is_left_of_a_transfer_ends_no_other_call(
    line: OpenLine,
    leaves: bool,  # noqa: FBT001
) -> None:
    """Numbers of calls are given out again, and the wheel's pjsip has four of them."""
    with ExitStack() as stack:
        a, b, *others = (
            stack.enter_context(Phone(name, answer_after_s=None if name == "b" else 0.0))
            for name in "abcde"
        )
        call = dial(line, a)
        assert call.refer(b.uri) == 202
        target = b.wait_call()
        if leaves:
            call.hang_up()
            line.gateway.wait_log("BYE")
            calls = [phone.call(line.gateway.uri).wait_answered() for phone in others]
            target.reject(486)
        else:
            target.reject(486)
            line.gateway.wait_log("it goes on: 486")
            calls = [phone.call(line.gateway.uri).wait_answered() for phone in others]
            call.hang_up()
        assert line.ended()["remote_uri"] == a.uri
        for phone in others:
            phone.ping(line.gateway.address)  # its answer comes after what was sent before

        assert [other.is_ended.is_set() for other in calls] == [False, False, False]
        for other in calls:
            other.hang_up()
    works(line)


@both_builds
@follows_transfers
@pytest.mark.parametrize("who", ["target", "peer"])
def test_the_end_during_a_transfer(line: OpenLine, who: str) -> None:
    with Phone("a") as a, Phone("b", answer_after_s=None) as b:
        call = dial(line, a)
        call.refer(b.uri)
        other = b.wait_call()
        if who == "peer":
            call.hang_up()
        line.command("hangup", a.uri)
        other.wait_ended()
        call.wait_ended()

        assert line.ended()["hangup_by"] == "local"
        line.gateway.command({"command": "state"})
        line.gateway.wait_log("No active calls.")


@follows_transfers
@pytest.mark.parametrize(
    "target", ["mailto:x@y", "sip:x@no-such-host.invalid", "nonsense", "sip:", "tel:+49123"]
)
@both_builds
def test_a_transfer_to_something_odd_changes_nothing(line: OpenLine, target: str) -> None:
    with Phone("a") as a:
        call = dial(line, a)
        call.refer(target)
        call.type_digits("1")
        # pjsip looks the target's name up itself, and waits for the machine's name server.
        call.wait_ended(30)

        assert line.ended()["outcome"] == "completed"
    works(line)


# --- Replaces -------------------------------------------------------------------------------


@both_builds
def test_a_call_that_is_handed_over_to_us_goes_on_in_the_same_menu(line: OpenLine) -> None:
    """Attended transfer: `a` had us in the line, and `b` takes his place (RFC 3891)."""
    with Phone("a") as a:
        call = a.call(line.gateway.uri).wait_answered()
        line.house.wait_event("playback_done")
        with Phone("b", extra_headers=[("replaces", call.replaces)]) as b:
            other = b.call(line.gateway.uri).wait_answered()
            call.wait_ended()
            assert call.ended_by_peer
            heard_the_prompt(line, other)
            told = line.house.wait_event("call_transferred")
            assert told["how"] == "replaces"
            assert (told["parsed_remote_uri"], told["internal_id"]) == ("b", f"<{a.uri}>")
            line.command("send_dtmf", "b", digits="5")  # the call is known by its new number
            wait_until(lambda: audio.dtmf_digits(other.stream.samples) == "5", "a tone")
            other.type_digits("1")
            other.wait_ended()

        assert line.ended()["parsed_remote_uri"] == "b"
        assert [name for name, _ in line.house.services] == ["lock/unlock"]
        assert line.house.event_names.count("incoming_call") == 1


def test_a_call_of_ours_that_rings_is_picked_up_by_another_phone(line: OpenLine) -> None:
    with Phone("a", answer_after_s=None) as a:
        line.command("dial", a.uri, menu=MENU)
        call = a.wait_call()
        call.ring()
        # Of an early dialog, the one who was called knows both tags.
        with Phone("b", extra_headers=[("replaces", call.replaces)]) as b:
            other = b.call(line.gateway.uri).wait_answered()
            call.wait_ended()
            heard_the_prompt(line, other)
            other.type_digits("1")
            other.wait_ended()

        names = line.house.event_names
        assert names.index("call_transferred") < names.index("call_established")
        assert line.ended()["duration"] > 0


@pytest.mark.parametrize(
    ("replaces", "status"),
    [("nobody@knows;to-tag=1;from-tag=2", 481), ("garbage", 400), ("", 400)],
)
@both_builds
def test_an_unknown_call_cannot_be_replaced(line: OpenLine, replaces: str, status: int) -> None:
    with Phone("b", extra_headers=[("replaces", replaces)]) as b:
        call = b.call(line.gateway.uri)
        call.wait_ended()

        assert call.statuses[-1][1] == status
    works(line)


def test_only_who_knows_both_tags_replaces_a_call_and_only_in_its_state(line: OpenLine) -> None:
    with Phone("a") as a:
        call = a.call(line.gateway.uri).wait_answered()
        known, _, secret = call.replaces.partition(";from-tag=")
        cases = [
            (f"{known}0;from-tag={secret}", 481),
            (f"{known};from-tag={secret}0", 481),
            (f"{call.replaces};early-only", 486),
        ]
        for replaces, status in cases:
            with Phone("b", extra_headers=[("replaces", replaces)]) as b:
                other = b.call(line.gateway.uri)
                other.wait_ended()
                assert other.statuses[-1][1] == status
        assert not call.is_ended.is_set()
        two = [("replaces", call.replaces), ("replaces", call.replaces)]
        with Phone("b", extra_headers=two) as b:
            b.call(line.gateway.uri).wait_status(400)


def test_one_who_takes_a_call_over_and_never_confirms_it_leaves_it_where_it_was(
    line: OpenLine,
) -> None:
    with Phone("a") as a:
        call = a.call(line.gateway.uri).wait_answered()
        line.house.wait_event("playback_done")
        with Phone("b", extra_headers=[("replaces", call.replaces)]) as b:
            b.confirms = False
            other = b.call(line.gateway.uri).wait_answered()
            other.hang_up()
        line.gateway.wait_log("it goes on")
        call.type_digits("1")
        call.wait_ended()

        line.house.wait_service("lock/unlock")
        assert line.ended()["internal_id"] == f"<{a.uri}>"


# --- ends that meet them --------------------------------------------------------------------


@both_builds
@follows_transfers
@pytest.mark.parametrize("who", ["peer", "new", "command", "all"])
@pytest.mark.parametrize("way", ["refer", "replaces"])
def test_ends_that_meet_a_change_leave_no_call_behind(line: OpenLine, way: str, who: str) -> None:
    """The peer, the new one and a command end the call at the moment when it changes hands."""
    with Phone("a") as a, Phone("b", answer_after_s=None) as b:
        call = a.call(line.gateway.uri).wait_answered()
        if way == "refer":
            assert call.refer(b.uri) == 202
            other = b.wait_call()
        else:
            b.extra_headers = [("replaces", call.replaces)]
            other = b.call(line.gateway.uri)
        if who in ("command", "all"):
            line.command("hangup", f"<{a.uri}>")  # its internal_id
        if who in ("peer", "all"):
            call.hang_up()
        if way == "refer" and who == "peer":
            other.answer()
        if way == "replaces":
            other.wait_final()  # refused where our hang-up came first (RFC 3891 §3)
        elif who == "peer":
            other.wait_answered()
        if who in ("new", "all"):
            other.hang_up()
    line.begin()  # when both phones are gone, all calls are over
    works(line)
