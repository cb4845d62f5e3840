"""Which of the addresses in a 3xx response are called."""

from __future__ import annotations

import pytest

from hasip.sip.redirects import MOST_REDIRECTS, Redirects, Verdict


def moved(contact: str) -> str:
    return f"SIP/2.0 302 Moved Temporarily\r\nVia: x\r\nContact: {contact}\r\n\r\n"


def test_addresses_are_told_apart_by_their_ports_which_pjsip_leaves_out() -> None:
    redirects = Redirects(follow=True)
    redirects.begin("sip:a@h:1")
    both = moved('<sip:a@h:1>;q=0.9, "B" <sip:a@h:2;transport=tcp>')

    assert redirects.judge("sip:a@h;transport=tcp", both) is Verdict.FOLLOW
    assert redirects.judge("sip:a@h", moved("<sip:a@h:1>")) is Verdict.NEXT
    assert redirects.judge("sip:a@h;transport=tcp", both) is Verdict.NEXT
    assert redirects.judge("<sip:a@h>", moved("sip:a@h:3")) is Verdict.FOLLOW


@pytest.mark.parametrize("response", ["", "nonsense", moved("*"), "SIP/2.0 302 X\r\n\r\n"])
def test_a_response_that_cannot_be_read_is_judged_by_what_pjsip_says(response: str) -> None:
    redirects = Redirects(follow=True)

    assert redirects.judge("<sip:a@h>", response) is Verdict.FOLLOW
    assert redirects.judge("<sip:a@h>", response) is Verdict.NEXT
    assert redirects.judge("<mailto:a@h>", response) is Verdict.NEXT


def test_after_the_last_hop_the_code_of_the_response_is_kept() -> None:
    redirects = Redirects(follow=True)
    redirects.begin("sip:0@h")
    for number in range(1, MOST_REDIRECTS + 1):
        assert redirects.judge(f"sip:{number}@h", moved(f"<sip:{number}@h>")) is Verdict.FOLLOW
    assert redirects.not_followed is None
    assert redirects.judge("sip:x@h", moved("<sip:x@h>")) is Verdict.STOP
    assert redirects.not_followed == (302, "Moved Temporarily")


def test_nothing_is_followed_where_it_is_off() -> None:
    redirects = Redirects(follow=False)

    assert redirects.judge("sip:x@h", moved("<sip:x@h>")) is Verdict.STOP
    assert redirects.not_followed == (302, "Moved Temporarily")
