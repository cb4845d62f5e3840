"""Requests to Home Assistant against a real HTTP server: what is sent, and what errors say."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from hasip.calls.prompt import Message
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.errors import (
    RefusedError,
    TimedOutError,
    UnauthorizedError,
    UnreachableError,
)
from hasip.homeassistant.speech import Speech, SpeechError
from hasip.homeassistant.webhooks import WebhookQueue
from hasip.secret import SecretStr
from hasip.settings.model import Tts
from support.certificates import self_signed
from support.home_assistant import TOKEN, StandInHomeAssistant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as stand_in:
        yield stand_in


@pytest.fixture
def client(house: StandInHomeAssistant) -> HomeAssistantClient:
    return HomeAssistantClient(
        house.base_url, SecretStr(TOKEN), timeout_s=0.5, service_timeout_s=0.5
    )


def test_errors_tell_what_happened_and_whether_it_arrived(
    house: StandInHomeAssistant, client: HomeAssistantClient
) -> None:
    with pytest.raises(UnauthorizedError, match="refused the token"):
        HomeAssistantClient(house.base_url, SecretStr("wrong")).call_service("a", "b", {})
    house.statuses["services/"] = 400
    with pytest.raises(RefusedError, match="answered 400: switched to fail"):
        client.call_service("a", "b", {})
    house.statuses.clear()
    house.delay_s = 2
    with pytest.raises(TimedOutError, match="no answer in time"):
        client.call_service("a", "b", {})
    with pytest.raises(UnreachableError, match="cannot connect"):
        HomeAssistantClient("http://127.0.0.1:1/api", None).call_service("a", "b", {})


@pytest.mark.parametrize("reachable", [True, False])
def test_speech_is_fetched_by_its_path_whatever_the_url_says(
    house: StandInHomeAssistant,
    client: HomeAssistantClient,
    tmp_path: Path,
    reachable: bool,  # noqa: FBT001
) -> None:
    house.url_is_reachable = reachable
    speech = Speech(client, Tts(engine_id="tts.x", language="de", voice="anna"))

    speech.fetch("Guten Tag", "de", tmp_path / "out")

    assert (tmp_path / "out").read_bytes()[:4] == b"RIFF"
    asked = house.requests[0].body
    assert asked == {
        "engine_id": "tts.x",
        "message": "Guten Tag",
        "language": "de",
        "options": {"voice": "anna"},
    }


def test_failed_speech_names_engine_language_and_voice(
    house: StandInHomeAssistant, client: HomeAssistantClient, tmp_path: Path
) -> None:
    house.statuses["tts_get_url"] = 500
    with pytest.raises(SpeechError, match=r"engine tts\.x, language xx, voice default: .* 500"):
        Speech(client, Tts(engine_id="tts.x")).fetch("x", "xx", tmp_path / "out")


def test_a_certificate_of_ones_own_must_be_named(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with StandInHomeAssistant(certificate=certificate) as house:
        token = SecretStr(TOKEN)
        with pytest.raises(UnreachableError, match=r"is not trusted: .*; set HA_CA_FILE to the"):
            HomeAssistantClient(house.base_url, token).call_service("d", "s", {})
        HomeAssistantClient(house.base_url, token, ca_file=certificate).call_service("d", "s", {})

        assert house.services == [("d/s", {})]


def test_a_template_is_rendered_and_its_failure_is_told(
    house: StandInHomeAssistant, client: HomeAssistantClient
) -> None:
    speech = Speech(client, Tts(engine_id="tts.x"))
    assert speech.render(Message(text="{{ 1 + 1 }}")) == "{{ 1 + 1 }}"
    assert speech.render(Message(text="{{ 1 + 1 }}", is_template=True)) == "2"
    house.statuses["template"] = 400
    with pytest.raises(SpeechError, match=r"the template was not rendered: .* 400"):
        speech.render(Message(text="{{", is_template=True))


def test_webhooks_come_in_order_the_own_one_first(
    house: StandInHomeAssistant, client: HomeAssistantClient
) -> None:
    queue = WebhookQueue(client, "all")
    queue.start()
    for number in range(20):
        queue.enqueue("own" if number % 2 else None, {"event": str(number)})
    done = threading.Event()
    queue.close(5, done.set)

    assert done.wait(5)
    expected = [
        (path, str(number))
        for number in range(20)
        for path in (["webhook/own", "webhook/all"] if number % 2 else ["webhook/all"])
    ]
    assert [(item.path, item.body["event"]) for item in house.requests] == expected


def test_a_webhook_that_may_have_arrived_is_not_sent_again(
    house: StandInHomeAssistant, client: HomeAssistantClient
) -> None:
    house.delay_s = 1
    queue = WebhookQueue(client, "all")
    queue.start()
    queue.enqueue(None, {"event": "ring"})
    done = threading.Event()
    queue.close(3, done.set)

    assert done.wait(5)
    assert house.event_names == ["ring"]


def test_closing_does_not_wait_longer_than_told() -> None:
    queue = WebhookQueue(HomeAssistantClient("http://127.0.0.1:1/api", None), "all")
    queue.start()
    queue.enqueue(None, {"event": "x"})
    done, started = threading.Event(), time.monotonic()
    queue.close(0.3, done.set)

    assert done.wait(3)
    assert time.monotonic() - started < 2
