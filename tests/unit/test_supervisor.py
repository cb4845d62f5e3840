"""The broker that the Supervisor knows."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from hasip.errors import HomeAssistantError
from hasip.homeassistant.supervisor import BrokerSearch, find_broker
from hasip.loop import Loop
from hasip.secret import SecretStr
from hasip.settings.model import Mqtt
from support.fake_clock import FakeClock
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# As the Supervisor answers, with and without a Mosquitto app.
FOUND = {
    "result": "ok",
    "data": {
        "addon": "core_mosquitto",
        "host": "core-mosquitto",
        "port": 1883,
        "ssl": False,
        "username": "addons",
        "password": "made-by-the-supervisor",
        "protocol": "3.1.1",
    },
}
NONE = {"result": "error", "message": "Service mqtt not enabled"}


class Supervisor(BaseHTTPRequestHandler):
    answer: tuple[int, Any] = (200, FOUND)

    def do_GET(self) -> None:
        is_known = self.headers["Authorization"] == "Bearer token" and self.path == "/services/mqtt"
        status, body = self.answer if is_known else (403, {})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Supervisor.answer = (200, FOUND)
    with HTTPServer(("127.0.0.1", 0), Supervisor) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_its_broker_and_credentials_are_taken_and_nothing_else_changes(url: str) -> None:
    found = find_broker(Mqtt(is_enabled=True, instance="home"), SecretStr("token"), url)

    assert (found.address, found.port, found.username) == ("core-mosquitto", 1883, "addons")
    assert found.password == SecretStr("made-by-the-supervisor")
    assert found.tls is None
    assert (found.instance, found.topic) == ("home", "hasip/execute")


def test_a_broker_with_tls_is_verified(url: str) -> None:
    Supervisor.answer = (200, {**FOUND, "data": {**FOUND["data"], "ssl": True, "port": "8883"}})
    found = find_broker(Mqtt(), SecretStr("token"), url)

    assert found.tls is not None
    assert found.port == 8883


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, NONE), "knows no broker (400: Service mqtt not enabled); install the Mosquitto app"),
        ((200, {"result": "ok", "data": {}}), "no host"),
        ((200, b"<html>"), "no JSON: '<html>'"),
        ((200, [1]), "knows no broker"),
        ((200, {"data": {"host": "h", "port": "http"}}), "the port is no number"),
    ],
)
def test_without_one_it_is_said_what_to_do(url: str, answer: tuple[int, Any], said: str) -> None:
    Supervisor.answer = answer
    with pytest.raises(HomeAssistantError) as caught:
        find_broker(Mqtt(), SecretStr("token"), url)

    assert said in str(caught.value)


def test_a_supervisor_that_is_away_is_said() -> None:
    with pytest.raises(HomeAssistantError, match="cannot connect: ConnectionRefusedError"):
        find_broker(Mqtt(), SecretStr("token"), "http://127.0.0.1:1")


def test_it_is_asked_until_it_knows_one_and_again_when_the_broker_refuses_us(url: str) -> None:
    clock = FakeClock()
    loop = Loop(clock)
    found: list[Mqtt] = []
    search = BrokerSearch(loop, Mqtt(), SecretStr("token"), found.append, url)

    def ask(count: int) -> None:
        def answered() -> bool:
            loop.run_pending()
            return loop.armed_timers > 0 or len(found) == count

        wait_until(answered, "an answer of the Supervisor")

    Supervisor.answer = (400, NONE)
    search.look()
    search.look()  # while it is being asked
    ask(1)
    assert found == []
    Supervisor.answer = (200, FOUND)
    clock.advance(30.0)
    loop.run_pending()
    ask(1)
    Supervisor.answer = (200, {**FOUND, "data": {**FOUND["data"], "password": "new"}})
    search.look()
    ask(2)

    assert [broker.password for broker in found] == [
        SecretStr("made-by-the-supervisor"),
        SecretStr("new"),
    ]


def test_a_broker_of_the_settings_is_taken_without_asking() -> None:
    found: list[Mqtt] = []
    BrokerSearch(Loop(FakeClock()), Mqtt(address="mine"), None, found.append).look()

    assert [broker.address for broker in found] == ["mine"]
