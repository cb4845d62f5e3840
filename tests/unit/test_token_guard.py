"""A token that is refused: said once, shown again slowly, and good again when it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.errors import UnauthorizedError, UnreachableError
from hasip.homeassistant.token_guard import TokenGuard
from hasip.secret import SecretStr
from support.failures import FAILURES
from support.fake_clock import FakeClock
from support.home_assistant import TOKEN, StandInHomeAssistant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as stand_in:
        yield stand_in


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(house: StandInHomeAssistant, clock: FakeClock) -> HomeAssistantClient:
    made = HomeAssistantClient(house.base_url, SecretStr(TOKEN))
    made.guard = TokenGuard("HA_TOKEN", clock.now)
    return made


def uses(client: HomeAssistantClient) -> list[Callable[[], object]]:
    return [
        lambda: client.call_service("a", "b", {}),
        lambda: client.render_template("x"),
        lambda: client.set_state("sensor.x", "on", {}),
        lambda: client.speech_urls({"message": "x"}, 5),
    ]


def test_a_refused_token_is_said_once_and_shown_rarely(
    house: StandInHomeAssistant,
    client: HomeAssistantClient,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house.token = "another"
    for _ in range(100):
        for use in uses(client):
            with pytest.raises(UnauthorizedError, match=r"refused the token \(401\); check HA_TOK"):
                use()
        client.send_webhook("x", {"event": "e"})  # needs none
        client.is_running()
        clock.advance(36)  # an hour altogether

    assert len(house.events) == 100
    assert 5 <= len(house.refusals) <= 10
    assert caplog.text.count("refused the token") == 1
    assert FAILURES["token-refused"].is_in(caplog.text)


def test_a_token_that_is_good_again_is_said_and_used(
    house: StandInHomeAssistant,
    client: HomeAssistantClient,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house.token = "another"
    with pytest.raises(UnauthorizedError):
        client.call_service("a", "b", {})
    house.token = TOKEN
    with pytest.raises(UnauthorizedError):
        client.call_service("a", "b", {})
    clock.advance(73)
    for use in uses(client):
        use()

    assert caplog.text.count(FAILURES["token-good-again"].log) == 1
    assert len(house.services) == 2


def test_after_a_restart_of_home_assistant_the_token_is_tried_at_once(clock: FakeClock) -> None:
    with StandInHomeAssistant() as first:
        client = HomeAssistantClient(first.base_url, SecretStr(TOKEN))
        client.guard = TokenGuard("HA_TOKEN", clock.now)
        first.token = "another"
        with pytest.raises(UnauthorizedError):
            client.call_service("a", "b", {})
    with pytest.raises(UnreachableError):
        client.send_webhook("x", {})
    clock.advance(11)
    with StandInHomeAssistant(first.port) as second:
        client.call_service("a", "b", {})

        assert second.services == [("a/b", {})]


def test_a_user_who_is_no_administrator_only_lacks_what_they_may_do(
    house: StandInHomeAssistant, client: HomeAssistantClient, caplog: pytest.LogCaptureFixture
) -> None:
    house.is_admins_token = False
    for _ in range(3):
        with pytest.raises(UnauthorizedError, match="does not allow states to this token's user"):
            client.set_state("sensor.x", "on", {})
        client.call_service("a", "b", {})

    assert len(house.services) == 3
    assert house.refusals == ["states/sensor.x"]
    assert caplog.text.count("it must be an administrator's") == 1
    assert FAILURES["token-no-admin"].is_in(caplog.text)
