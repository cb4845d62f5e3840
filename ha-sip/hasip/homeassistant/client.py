"""Single requests to Home Assistant. Every method waits, so workers call them.

Errors say whether a request can have arrived: `UnreachableError` is certain that it did not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from hasip.errors import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import SecretStr

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
LARGEST_DOWNLOAD_BYTES = 64 * 1024 * 1024
# Home Assistant closes idle connections after 75 s, proxies sooner. A service call on a connection
# that is just being closed can't be told from one that arrived, so old ones are not used again.
REUSE_WITHIN_S = 4.0

_SHOWN_CHARS = 200
_UNAUTHORIZED = 401
_FIRST_ERROR = 400
_AWAY = frozenset({502, 503, 504})


class UnreachableError(HomeAssistantError):
    """Nobody answered at the address; the request did certainly not arrive."""


class TimedOutError(HomeAssistantError):
    """No answer in time, or the connection broke; the request may have arrived."""


class UnauthorizedError(HomeAssistantError):
    """The token was refused."""


class RefusedError(HomeAssistantError):
    """Home Assistant answered with an error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_away(self) -> bool:
        """Tell whether a proxy in front answered because Home Assistant is away."""
        return self.status in _AWAY


class BadAnswerError(HomeAssistantError):
    """An answer that is not what the API promises."""


class HomeAssistantClient:
    """Home Assistant at one base URL; may be used by several threads at once."""

    def __init__(
        self,
        base_url: str,
        token: SecretStr | None,
        *,
        ca_file: Path | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._headers = {"Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._verify: str | bool = True if ca_file is None else str(ca_file)
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._local = threading.local()

    def call_service(self, domain: str, service: str, body: Mapping[str, Any]) -> None:
        """Run an action; raises a `HomeAssistantError`."""
        self._post(f"services/{domain}/{service}", body)

    def send_webhook(self, webhook_id: str, body: Mapping[str, Any]) -> None:
        """Deliver a webhook; Home Assistant says yes to ids that it does not know, too."""
        self._post(f"webhook/{webhook_id}", body)

    def set_state(self, entity_id: str, state: str, attributes: Mapping[str, Any]) -> None:
        """Show a state, which Home Assistant keeps until it restarts."""
        self._post(f"states/{entity_id}", {"state": state, "attributes": attributes})

    def render_template(self, template: str) -> str:
        """Return what a template says now."""
        return self._post("template", {"template": template}).text

    def speech_urls(self, request: Mapping[str, Any]) -> tuple[str, ...]:
        """Ask for speech; returns where its audio may be found, the likeliest address first.

        Home Assistant's own `url` is often not reachable from here: the path on the host that is
        known to answer comes first.
        """
        answer = self._post("tts_get_url", request)
        try:
            found = answer.json()
            path, url = found.get("path"), found.get("url")
        except (ValueError, AttributeError) as error:
            msg = f"POST tts_get_url: not a JSON object: {answer.text[:_SHOWN_CHARS]!r}"
            raise BadAnswerError(msg) from error
        root = self._base_url.removesuffix("api/")  # keeps the /core of http://supervisor/core
        urls = [urljoin(root, path.lstrip("/"))] if isinstance(path, str) and path else []
        urls += [url] if isinstance(url, str) and url else []
        if not urls:
            msg = "POST tts_get_url: the answer has neither path nor url"
            raise BadAnswerError(msg)
        return tuple(dict.fromkeys(urls))

    def download(self, url: str, target: Path, deadline_s: float) -> None:
        """Write what a URL holds to `target`; raises a `HomeAssistantError`."""
        ours = urlsplit(url).netloc == urlsplit(self._base_url).netloc
        # The token is for Home Assistant only, not for whatever host the answer names.
        headers = None if ours else {"Authorization": None}
        ends_at = time.monotonic() + deadline_s
        with (
            _translated(f"GET {_without_query(url)}"),
            self._session().get(
                url, headers=headers, timeout=(self._timeouts[0], deadline_s), stream=True
            ) as answer,
        ):
            self._check(answer, f"GET {_without_query(url)}")
            size = 0
            with target.open("wb") as file:
                for chunk in answer.iter_content(65_536):
                    size += len(chunk)
                    if size > LARGEST_DOWNLOAD_BYTES or time.monotonic() > ends_at:
                        msg = f"GET {_without_query(url)}: too large or too slow ({size} bytes)"
                        raise TimedOutError(msg)
                    file.write(chunk)
        if size == 0:
            msg = f"GET {_without_query(url)}: the audio is empty"
            raise BadAnswerError(msg)

    def _post(self, path: str, body: Mapping[str, Any]) -> requests.Response:
        doing = f"POST {path}"
        with _translated(f"{doing} at {self._base_url}"):
            answer = self._session().post(
                self._base_url + path, json=body, timeout=self._timeouts, allow_redirects=False
            )
        self._check(answer, doing)
        return answer

    def _check(self, answer: requests.Response, doing: str) -> None:
        if answer.status_code == _UNAUTHORIZED:
            msg = f"{doing}: Home Assistant refused the token (401); check HA_TOKEN"
            raise UnauthorizedError(msg)
        if answer.status_code >= _FIRST_ERROR:
            with _translated(doing):
                said = answer.text.strip()[:_SHOWN_CHARS] or answer.reason
            msg = f"{doing}: Home Assistant answered {answer.status_code}: {said}"
            raise RefusedError(msg, answer.status_code)

    def _session(self) -> requests.Session:
        """Return this thread's session, a new one where the connection may be about to close."""
        now = time.monotonic()
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None or now - self._local.used_at > REUSE_WITHIN_S:
            if session is not None:
                session.close()
            session = requests.Session()
            session.trust_env = False  # no search for proxies and .netrc with every request
            session.headers.update(self._headers)
            session.verify = self._verify
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1))
            self._local.session = session
        self._local.used_at = now
        return session


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Raise our errors in place of those of requests."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        msg = (
            f"{doing}: the certificate is not trusted: {_root_cause(error)}; "
            "set HA_CA_FILE to the certificate that signed it"
        )
        raise UnreachableError(msg) from error
    except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
        msg = f"{doing}: nobody answers there; is the address right, and Home Assistant running?"
        raise UnreachableError(msg) from error
    except requests.Timeout as error:
        msg = f"{doing}: no answer in time"
        raise TimedOutError(msg) from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            msg = f"{doing}: cannot connect: {_root_cause(error)}"
            raise UnreachableError(msg) from error
        msg = f"{doing}: the connection broke: {_root_cause(error)}"
        raise TimedOutError(msg) from error
    except requests.RequestException as error:
        msg = f"{doing}: {_root_cause(error)}"
        raise HomeAssistantError(msg) from error
    except OSError as error:
        msg = f"{doing}: {error}"
        raise HomeAssistantError(msg) from error


def _never_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError")


def _root_cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:_SHOWN_CHARS]


def _without_query(url: str) -> str:
    return url.partition("?")[0]
