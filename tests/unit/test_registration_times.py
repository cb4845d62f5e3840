"""The bounds of a registration's times, by a clock that only the test moves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import pytest

from hasip.events.model import RegistrationState
from hasip.loop import Loop
from hasip.settings.model import Account
from hasip.sip import registration
from hasip.sip.errors import BusyError
from hasip.sip.hop import Way
from hasip.sip.pj_account import Granted
from hasip.sip.registration import Registration, RegistrationContext
from support.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.events.model import RegistrationChanged

GRANTED = Granted("UDP", 3600, "192.0.2.1:5060")
STEP_S = 0.5
HOUR_S, DAY_S = 3600.0, 86_400.0
# RFC 3261 §17.1.2.2: so long a REGISTER is sent again and again (timer F).
TIMER_F_S = 32.0
TIMER_E_S = 4.0


class House:
    """One account, its registrar with its habits, and a clock."""

    def __init__(self, code: int = 200, takes_s: float = 0.5) -> None:
        self.clock = FakeClock()
        self.loop = Loop(self.clock)
        self.code, self.takes_s = code, takes_s
        self.asked: list[float] = []  # when
        self.told: list[RegistrationChanged] = []
        self.is_deaf = False  # what pjsip was to tell is lost
        self.is_busy = False  # pjsip says that it is registering already
        context = RegistrationContext(
            outlet=cast("Any", self),
            hop=cast("Any", self),
            is_fixed=False,
            on_change=self.told.append,
            on_moved=lambda *_: None,
            learn=lambda _: None,
        )
        account = Account(number=1, id_uri="sip:house@pbx", registrar_uri="sip:pbx")
        self.registration = Registration(self.loop, account, context)

    # What the account has for it.
    has_others = False

    @property
    def account(self) -> House:
        return self

    def find(self, done: Callable[[Way], None]) -> None:
        done(Way())

    def go_on(self, tried: set[object]) -> bool:
        return not tried and False

    def use(self, way: Way) -> None:
        pass

    def setRegistration(self, renew: bool) -> None:  # noqa: FBT001 - pjsua2's
        assert renew
        self.asked.append(self.clock.now())
        if self.is_busy:
            raise BusyError
        if not self.is_deaf:
            self.loop.call_later(self.takes_s, self._answer)

    def _answer(self) -> None:
        granted = GRANTED if self.code == registration.OK else None
        self.registration.heard_answer(self.code, "as the test wants it", granted)

    def pass_time(self, seconds: float) -> None:
        ends_at = self.clock.now() + seconds
        while self.clock.now() < ends_at:
            self.clock.advance(STEP_S)
            self.loop.run_pending()

    def gaps(self, since: int = 0) -> list[float]:
        return [after - before for before, after in itertools.pairwise(self.asked[since:])]


def test_nobody_is_unreachable_for_longer_than_a_minute() -> None:
    """A registrar has forgotten us, or is dead and another one is there, right after we asked."""
    longest_s = max(registration.refresh_s(GRANTED) for _ in range(1000))

    assert longest_s + registration.NO_ANSWER_S < 55


@pytest.mark.parametrize(("code", "takes_s"), [(408, TIMER_F_S), (503, 0.5), (500, 0.5)])
@pytest.mark.parametrize("outage_s", [5 * 60, HOUR_S, 5 * HOUR_S])
def test_a_registrar_that_is_back_after_a_long_time_is_registered_with_within_a_minute(
    outage_s: float, code: int, takes_s: float
) -> None:
    """At the worst moment: right after it was asked for the last time."""
    house = House(code, takes_s)
    house.registration.register()
    house.pass_time(outage_s)
    asked = len(house.asked)
    while len(house.asked) == asked:
        house.pass_time(STEP_S)
    # By UDP what is sent again meets it in the meantime, but for the last pause of that.
    house.pass_time(max(0.0, takes_s - TIMER_E_S))
    back_at = house.clock.now()
    house.pass_time(min(takes_s, TIMER_E_S))
    house.code, house.takes_s = registration.OK, 2.0  # a busy one
    house.pass_time(60 - (house.clock.now() - back_at))

    assert house.registration.state == "registered"
    assert max(house.gaps()) <= 48 + takes_s + 3 * STEP_S


@pytest.mark.parametrize("code", sorted(registration.REFUSED))
def test_a_registrar_that_refuses_is_not_hammered(code: int) -> None:
    """Servers lock out who fails five or ten times within some minutes."""
    house = House(code)
    house.registration.register()
    house.pass_time(10 * 60)

    assert 3 <= len(house.asked) <= 6
    house.pass_time(DAY_S)
    gaps = house.gaps()
    assert min(gaps) >= 24
    assert 80 <= len(house.asked) <= 140
    assert max(gaps) <= 1080 + 3 * STEP_S


def test_a_registrar_that_is_away_is_not_hammered_either() -> None:
    house = House(503)
    house.registration.register()
    house.pass_time(HOUR_S)

    assert min(house.gaps()) >= 1.6
    assert 75 <= len(house.asked) <= 125


def test_after_a_success_the_waits_begin_anew() -> None:
    house = House(503)
    house.registration.register()
    house.pass_time(HOUR_S)
    house.code = 200
    house.pass_time(60)
    assert house.registration.state == "registered"
    house.code = 503
    asked = len(house.asked)
    house.pass_time(60)

    assert house.gaps(asked)[0] <= 2.4 + 3 * STEP_S


@pytest.mark.parametrize("what", ["is_deaf", "is_busy"])
def test_an_answer_that_is_never_told_is_waited_for_so_long_and_no_longer(what: str) -> None:
    """As where pjsip registers by itself after a move, and gives that up without a word."""
    house = House()
    house.registration.register()
    house.pass_time(1)
    setattr(house, what, True)
    house.pass_time(48 + registration.LOST_AFTER_S)
    assert house.told[-1].state == RegistrationState.FAILED
    assert "pjsip has told nothing" in house.told[-1].sip_reason
    setattr(house, what, False)
    house.pass_time(registration.LOST_AFTER_S + 5)

    assert house.registration.state == "registered"
    # Two requests of 33 s each, a challenge between them, are not lost.
    assert max(house.gaps()) >= 2 * 33


def test_an_answer_in_time_is_not_taken_for_a_lost_one() -> None:
    house = House(takes_s=registration.LOST_AFTER_S - 1)
    house.registration.register()
    house.pass_time(HOUR_S)

    assert [change.state for change in house.told] == [RegistrationState.REGISTERED]
