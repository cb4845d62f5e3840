"""Answers that are no good: each is a sentence that says what came, and nothing hangs."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from hasip.errors import HomeAssistantError
from hasip.homeassistant import transport
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.errors import (
    BadAnswerError,
    MisconfiguredError,
    RefusedError,
    TimedOutError,
    UnreachableError,
)
from hasip.secret import SecretStr
from support.bad_manners import Manner
from support.certificates import self_signed
from support.failures import FAILURES
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
    return make_client(house.base_url)


def make_client(base_url: str, ca_file: Path | None = None) -> HomeAssistantClient:
    return HomeAssistantClient(
        base_url, SecretStr(TOKEN), ca_file=ca_file, timeout_s=0.5, service_timeout_s=0.5
    )


@pytest.mark.parametrize(
    ("manner", "error", "said"),
    [
        (Manner.RESET, TimedOutError, "the connection broke"),
        (Manner.CUT_HEADERS, TimedOutError, "the connection broke|stopped before its end"),
        (Manner.CUT_BODY, TimedOutError, "the connection broke"),
        (Manner.CUT_CHUNKS, TimedOutError, "the connection broke"),
        (Manner.DRIP_BODY, TimedOutError, "the answer had not ended in time, after .* bytes"),
        (Manner.NOT_HTTP, TimedOutError, "the connection broke"),
        (Manner.HUGE, BadAnswerError, "the answer is larger than 1048576 bytes"),
        (Manner.PAGE, BadAnswerError, "a web page came back, not Home Assistant's API"),
        (Manner.REDIRECT, MisconfiguredError, r"redirected \(301\) to https://127.*HA_BASE_URL"),
    ],
)
def test_no_bad_answer_is_taken_for_success(
    house: StandInHomeAssistant,
    client: HomeAssistantClient,
    manner: Manner,
    error: type[HomeAssistantError],
    said: str,
) -> None:
    house.manners["services/"] = manner
    started = time.monotonic()
    with pytest.raises(error, match=rf"POST services/lock/unlock.*: .*({said})"):
        client.call_service("lock", "unlock", {})

    assert time.monotonic() - started < 3
    assert house.services == [("lock/unlock", {})]  # once


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (Manner.NOT_JSON, r"tts_get_url: not a JSON object: '\{\"url\": '"),
        (Manner.EMPTY, "tts_get_url: not a JSON object: ''"),
        (Manner.WRONG_TYPES, "tts_get_url: the answer has neither path nor url"),
    ],
)
def test_an_answer_that_is_no_json_or_of_wrong_types_is_told(
    house: StandInHomeAssistant, client: HomeAssistantClient, manner: Manner, said: str
) -> None:
    house.manners["tts_get_url"] = manner
    with pytest.raises(BadAnswerError, match=said):
        client.speech_urls({}, 1)


def test_odd_headers_are_no_reason_to_fill_the_log(
    house: StandInHomeAssistant, client: HomeAssistantClient, caplog: pytest.LogCaptureFixture
) -> None:
    house.manners["services/"] = Manner.ODD_HEADERS
    with contextlib.suppress(HomeAssistantError):
        client.call_service("lock", "unlock", {})

    assert house.services == [("lock/unlock", {})]
    assert [record for record in caplog.records if record.name.startswith("urllib3")] == []


def test_whether_it_runs_is_asked_as_far_as_it_can_be(
    house: StandInHomeAssistant, client: HomeAssistantClient
) -> None:
    assert client.is_running()
    for state in ("NOT_RUNNING", "STARTING", "STOPPING"):
        house.state = state
        assert not client.is_running()
    house.statuses["config"] = 404  # something old, or a proxy: it is there
    assert client.is_running()
    house.statuses["config"] = 502
    with pytest.raises(RefusedError):
        client.is_running()
    house.statuses.clear()
    house.manners["config"] = Manner.NOT_JSON
    with pytest.raises(BadAnswerError):
        client.is_running()


def test_a_download_is_bounded(
    house: StandInHomeAssistant,
    client: HomeAssistantClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "LARGEST_DOWNLOAD_BYTES", 1000)
    house.manners["tts_proxy/"] = Manner.HUGE
    with pytest.raises(BadAnswerError, match="larger than 1000 bytes"):
        client.download(f"{house.base_url}/tts_proxy/x", tmp_path / "audio", 2)


def said_of(base_url: str, ca_file: Path | None = None) -> str:
    """Return what is wrong with an address; nothing can have arrived there."""
    with pytest.raises((UnreachableError, HomeAssistantError)) as raised:
        make_client(base_url, ca_file).call_service("a", "b", {})
    assert not isinstance(raised.value, TimedOutError)
    return str(raised.value)


def test_http_and_https_mixed_up_is_said_and_nothing_arrived(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with StandInHomeAssistant(certificate=certificate) as tls, StandInHomeAssistant() as plain:
        assert FAILURES["tls-wanted"].is_in(said_of(tls.base_url.replace("https:", "http:")))
        assert FAILURES["tls-unwanted"].is_in(said_of(plain.base_url.replace("http:", "https:")))

        assert tls.requests == plain.requests == []


def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    bad_file = tmp_path / "empty.pem"
    bad_file.write_text("nothing")
    with StandInHomeAssistant(certificate=certificate) as house:
        other_name = house.base_url.replace("127.0.0.1", "localhost")
        assert FAILURES["tls-own-certificate"].is_in(said_of(house.base_url))
        assert FAILURES["tls-other-name"].is_in(said_of(other_name, certificate))
        assert FAILURES["tls-bad-file"].is_in(said_of(house.base_url, bad_file))
        assert house.requests == []
    expired = self_signed(tmp_path, is_expired=True)
    with StandInHomeAssistant(certificate=expired) as house:
        assert FAILURES["tls-expired"].is_in(said_of(house.base_url, expired))


def test_a_restart_between_two_requests_loses_and_doubles_nothing() -> None:
    """No connection is kept, so none can be stale."""
    with StandInHomeAssistant() as first:
        client = make_client(first.base_url)
        client.send_webhook("x", {"event": "1"})
    with StandInHomeAssistant(first.port) as second:
        client.send_webhook("x", {"event": "2"})

        assert (first.event_names, second.event_names) == (["1"], ["2"])


OK = b"HTTP/1.1 200 OK\r\n"
NASTY = [
    b"",
    b"\x15\x03\x03\x00\x02\x02\x50",
    b"HTTP/9.9 999 \xff\xfe\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n",
    OK + b"X: y\r\n" * 500 + b"\r\n",
    OK + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    OK + b"Content-Length: -5\r\n\r\nabc",
    OK + b"Content-Length: abc\r\n\r\nabc",
    OK + b"Content-Length: 99999999999999999999\r\n\r\nabc",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc",
    OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
    OK + b"Content-Type: text/plain; charset=none-such\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
    b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: //\xff..\xfe\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /api/config\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    OK + b"Content-Length: 2\r\n\r\n[]",
    OK + b"Content-Length: 15\r\n\r\n" + b'{"state": "\xff\xfe"',
]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_no_bytes_from_a_server_raise_anything_else(data: bytes, tmp_path: Path) -> None:
    with RawServer(data) as server:
        client = make_client(server.base_url)
        for ask in (
            lambda: client.call_service("a", "b", {}),
            lambda: client.render_template("x"),
            lambda: client.speech_urls({}, 0.5),
            lambda: client.download(f"{server.base_url}/x", tmp_path / "x", 0.5),
            client.is_running,
        ):
            with contextlib.suppress(HomeAssistantError):
                ask()


class RawServer:
    """Answers every connection with the same bytes, and closes it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/api"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Be there."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with contextlib.suppress(OSError), connection:
                    connection.recv(65_536)
                    connection.sendall(self._data)
