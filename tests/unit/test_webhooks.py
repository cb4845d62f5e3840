"""The queue of events: in order, none twice, and what is lost is said."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from hasip.backoff import Backoff
from hasip.homeassistant import webhooks
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.webhooks import WebhookQueue
from hasip.secret import SecretStr
from support.bad_manners import Manner
from support.failures import FAILURES
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "AWAY", Backoff(0.05, 0.1))
    monkeypatch.setattr(webhooks, "REFUSED", Backoff(0.2, 0.2))
    monkeypatch.setattr(webhooks, "AUTOMATIONS_START_S", 0.1)


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as stand_in:
        yield stand_in


def make_queue(base_url: str, timeout_s: float = 0.3) -> WebhookQueue:
    client = HomeAssistantClient(base_url, SecretStr(TOKEN), timeout_s=timeout_s)
    queue = WebhookQueue(client, "all")
    queue.start()
    return queue


def put(queue: WebhookQueue, *names: str) -> None:
    for name in names:
        queue.enqueue(None, {"event": name})


def finish(queue: WebhookQueue) -> None:
    done = threading.Event()
    queue.close(5, done.set)
    assert done.wait(10)


def test_events_wait_until_home_assistant_is_there_and_has_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    queue = make_queue(f"http://127.0.0.1:{port}/api")
    put(queue, *"abc")
    wait_until(lambda: "is away" in caplog.text, "it is said")
    with StandInHomeAssistant(port) as house:
        house.state = "STARTING"
        questions = house.questions
        wait_until(lambda: house.questions > questions + 2, "it is asked whether it has started")
        put(queue, "d")
        assert house.events == []
        house.state = "RUNNING"
        finish(queue)

        assert house.event_names == list("abcd")
    assert caplog.text.count("Home Assistant is away, events wait for it: GET config") == 1
    assert (
        caplog.text.count("events wait for it: Home Assistant is starting up or shutting down") == 1
    )
    assert ", 4 events go to it now" in caplog.text
    for case in ("events-away", "events-starting", "events-back"):
        assert FAILURES[case].is_in(caplog.text), case


def test_a_restart_that_nobody_noticed_costs_no_event(
    house: StandInHomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue(house.base_url)
    put(queue, *"abc")
    wait_until(lambda: house.event_names == list("abc"), "it is there")
    assert house.questions == 1  # not before each of them
    monkeypatch.setattr(webhooks, "SURE_FOR_S", 0.0)
    house.state = "STARTING"  # between two calls; it would say yes, and throw it away
    put(queue, "d")
    wait_until(lambda: house.questions > 3, "it is asked whether it has started")
    assert house.event_names == list("abc")
    house.state = "RUNNING"
    finish(queue)

    assert house.event_names == list("abcd")


def test_the_action_of_a_digit_has_a_head_start_before_its_events(
    house: StandInHomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digit may have two events at once, its own and that of the menu it leads to."""
    assert webhooks.HEAD_START_S == 0.01  # measured: docs/performance.md
    head_start_s = 0.5  # longer than a busy machine takes by itself
    monkeypatch.setattr(webhooks, "HEAD_START_S", head_start_s)
    queue = make_queue(house.base_url)
    wait_until(lambda: house.questions == 1, "it is known to be there")
    began_at = time.monotonic()
    put(queue, *"ab")
    house.wait(lambda: house.event_names == list("ab"), "the events")

    assert house.requests[0].at - began_at >= head_start_s
    finish(queue)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_says_it_is_away_keeps_events_waiting_in_order(
    house: StandInHomeAssistant, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    house.statuses["webhook/"] = house.statuses["config"] = status
    queue = make_queue(house.base_url)
    put(queue, *"ab")
    wait_until(lambda: house.questions > 3, "asked")
    house.statuses.clear()
    finish(queue)

    assert house.event_names == list("ab")
    said = caplog.text.replace(str(status), "503")
    assert FAILURES["events-proxy"].is_in(said)


def test_one_that_hangs_costs_the_event_on_its_way_and_no_other(
    house: StandInHomeAssistant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks every connection for a while; a second try could ring the bell twice."""
    # A machine that is slow must not be taken for a Home Assistant that is.
    monkeypatch.setattr(webhooks, "SURE_FOR_S", 60.0)
    queue = make_queue(house.base_url, timeout_s=20)
    put(queue, "first")
    # Not only come, but answered as well: the answer is what is spoilt from now on.
    wait_until(lambda: house.event_names == ["first"] and not queue._waiting, "it is there")
    house.manners["webhook/"] = Manner.RESET  # takes the event, and breaks the connection
    house.manners["config"] = Manner.RESET
    put(queue, "lost")
    wait_until(lambda: len(house.events) == 2, "the event that is lost, or not")
    put(queue, *"abc")
    wait_until(lambda: "is away, events wait" in caplog.text, "it is said")
    questions = house.questions
    wait_until(lambda: house.questions > questions + 2, "it is asked whether it is there")
    assert len(house.events) == 2
    house.manners.clear()
    finish(queue)

    assert house.event_names == ["first", "lost", *"abc"]
    assert caplog.text.count("may not have arrived, it is not sent again") == 1
    assert FAILURES["events-lost"].is_in(caplog.text)


def test_a_webhook_that_is_slow_holds_up_the_others_for_one_time_out_each(
    house: StandInHomeAssistant,
) -> None:
    queue = make_queue(house.base_url)
    house.delays_s["webhook/slow"] = 1.0
    queue.enqueue("slow", {"event": "a"})
    put(queue, "b")
    wait_until(lambda: len(house.events) == 3, "all three")
    by_path = {item.path: item.at for item in house.requests}

    assert [item.path for item in house.requests] == ["webhook/slow", "webhook/all", "webhook/all"]
    assert by_path["webhook/all"] - by_path["webhook/slow"] < 0.9
    finish(queue)


def test_too_many_and_too_old_events_are_dropped_counted_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WAITING", 3)
    monkeypatch.setattr(webhooks, "OLDEST_S", 0.5)
    port = free_port()
    queue = make_queue(f"http://127.0.0.1:{port}/api")
    put(queue, *"abcde")
    assert caplog.text.count("An event was dropped: 3 are waiting already") == 1
    assert FAILURES["events-too-many"].is_in(caplog.text)
    wait_until(lambda: not queue._waiting, "all are too old")
    put(queue, "f")
    with StandInHomeAssistant(port) as house:
        finish(queue)

        assert house.event_names == ["f"]
    assert "5 events were dropped while Home Assistant was away" in caplog.text
    assert FAILURES["events-dropped"].is_in(caplog.text)


def test_an_event_that_waited_too_long_is_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "OLDEST_S", 0.2)
    queue = make_queue("http://127.0.0.1:1/api")
    put(queue, "a")
    wait_until(lambda: FAILURES["events-too-old"].is_in(caplog.text), "it is said")
    finish(queue)

    assert FAILURES["events-dropped"].is_in(caplog.text)


def test_events_wait_while_a_proxy_redirects(
    house: StandInHomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    house.manners["webhook/"] = Manner.REDIRECT
    queue = make_queue(house.base_url)
    put(queue, *"ab")
    wait_until(lambda: FAILURES["events-redirected"].is_in(caplog.text), "it is said")
    house.manners.clear()
    finish(queue)

    assert house.event_names[-2:] == list("ab")
    assert set(house.event_names[:-2]) == {"a"}  # which the proxy did not let through


def test_a_refused_event_is_told_and_the_next_goes_on(
    house: StandInHomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    house.statuses["webhook/own"] = 403
    queue = make_queue(house.base_url)
    queue.enqueue("own", {"event": "a"})
    finish(queue)

    assert [item.path for item in house.requests] == ["webhook/own", "webhook/all"]
    assert "An event was not taken, it is not sent again: POST webhook/own" in caplog.text
    assert FAILURES["events-refused"].is_in(caplog.text)
    assert FAILURES["banned"].is_in(caplog.text)


def test_a_supervisor_that_refuses_its_token_is_asked_again_slowly(
    house: StandInHomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    house.statuses["webhook/"] = 401
    queue = make_queue(house.base_url)
    put(queue, "a")
    wait_until(lambda: len(house.events) == 3, "three tries")
    house.statuses.clear()
    finish(queue)

    assert house.event_names[-1] == "a"
    assert caplog.text.count("events wait for it: POST webhook/all: Home Assistant refused") == 1
