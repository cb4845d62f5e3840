"""Which server requests go to first, and which one next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hasip.loop import Loop
from hasip.sip.hop import Hop, Hops, Way
from hasip.sip.locate import Destination, Locator, NotFoundError, Target, destination_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from hasip.errors import HaSipError

ONE = Target("one.example.org", "192.0.2.1", 5060, "udp")
TWO = Target("two.example.org", "192.0.2.2", 5060, "udp")


class FakeLocator(Locator):
    """Answers what the test says."""

    def __init__(self) -> None:
        super().__init__((), ("udp", "tcp"), ipv4=True, ipv6=True)
        self.answer: tuple[Target, ...] | None = (ONE, TWO)

    def locate(self, to: Destination) -> tuple[Target, ...]:
        if self.answer is None:
            raise NotFoundError(to.host, "no name server answers")
        return self.answer


class Finder:
    def __init__(self, uri: str = "sip:example.org") -> None:
        self.loop = Loop()
        self.locator = FakeLocator()
        self.hops = Hops(self.loop, self.locator)
        self.hop: Hop = self.hops.hop(uri)

    def find(self) -> Way | HaSipError:
        found: list[Way | HaSipError] = []
        self.hop.find(found.append)

        def arrived() -> bool:
            self.loop.run_pending()
            return bool(found)

        wait_until(arrived, "an answer")
        return found[0]

    def target(self) -> Target | None:
        found = self.find()
        assert isinstance(found, Way)
        return found.target


@pytest.mark.parametrize(
    ("uri", "host", "port", "transport", "is_address"),
    [
        ("sip:fritz.box", "fritz.box", None, None, False),
        ("<sip:10.0.0.1:5070;transport=TCP;lr>", "10.0.0.1", 5070, "tcp", True),
        ('"A B" <sip:a@[2001:db8::1]:5062>', "2001:db8::1", 5062, None, True),
        ("sips:bob@example.org", "example.org", None, "tls", False),
        ("sip:**620@fritz.box;transport=sctp", "fritz.box", None, None, False),
    ],
)
def test_a_uri_says_where_it_leads(
    uri: str, host: str, port: int | None, transport: str | None, *, is_address: bool
) -> None:
    assert destination_of(uri) == Destination(host, port, transport, is_address)


def test_what_is_no_sip_uri_leads_nowhere() -> None:
    assert destination_of("tel:+491234") is None
    assert Finder("tel:+491234").find() == Way()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example.org"])
def test_what_can_be_no_name_is_said_to_be_none(host: str) -> None:
    """Python's own encoding of names raises an error of another kind (RFC 1035 §2.3.4)."""
    locator = Locator((), ("udp",), ipv4=True, ipv6=True)
    with pytest.raises(NotFoundError, match="it is no name of a server"):
        locator.locate(Destination(host, 5060, "udp", is_address=False))


def test_an_address_needs_no_question_and_the_way_has_our_own_address() -> None:
    finder = Finder("sip:127.0.0.1:5070")
    found: list[Way | HaSipError] = []

    finder.hop.find(found.append)

    assert found == [Way(None, "127.0.0.1")]


def test_a_server_is_used_until_it_fails_and_then_each_other_one_once() -> None:
    finder = Finder()
    tried: set[Target] = set()
    for expected in (ONE, TWO):
        target = finder.target()
        assert target == expected
        assert finder.target() == expected
        tried.add(target)
        goes_on = finder.hop.go_on(tried)
        assert goes_on == (expected == ONE)
    # The one that was tried last stays, until somebody else finds it silent.
    assert finder.target() == TWO
    assert finder.hop.go_on({TWO})
    assert finder.target() == ONE


def test_two_calls_that_find_the_same_server_silent_go_on_to_the_same_other_one() -> None:
    finder = Finder()
    finder.target()

    assert finder.hop.go_on({ONE})
    assert finder.hop.go_on({ONE})

    assert finder.target() == TWO


def test_name_servers_that_are_away_leave_what_was_known() -> None:
    finder = Finder()
    finder.locator.answer = None
    assert isinstance(finder.find(), NotFoundError)
    finder.locator.answer = (ONE, TWO)
    finder.target()
    finder.hop.go_on({ONE})
    finder.locator.answer = None

    assert finder.target() == TWO


def test_by_tls_requests_go_to_the_name_which_is_found_at_one_server_after_the_other() -> None:
    finder = Finder("sip:example.org;transport=tls")
    one, two = (replace(target, port=5061, transport="tls") for target in (ONE, TWO))
    asked_by_pjsip = Destination("Example.org", None, "tls", is_address=False)
    finder.locator.answer = one, two
    for expected in (one, two):
        found = finder.find()

        assert isinstance(found, Way)
        assert found.route is None
        assert finder.hops.just_found(asked_by_pjsip) == (expected,)
        assert finder.hop.go_on({expected})


def test_the_route_to_a_server_is_one_that_pjsip_keeps_to_itself() -> None:
    assert ONE.route == "<sip:192.0.2.1:5060;transport=udp;lr;hide>"
    assert Target("six", "2001:db8::1", 5060, "tcp").route.startswith("<sip:[2001:db8::1]:5060;")
