"""What we ask of Home Assistant over its REST API. Every method waits, so workers call them.

Each raises a `HomeAssistantError`; which one says whether a request can have arrived (`errors`).
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import (
    SHOWN_CHARS,
    BadAnswerError,
    MisconfiguredError,
    RefusedError,
    UnauthorizedError,
    is_away,
)
from hasip.homeassistant.token_guard import TokenGuard
from hasip.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hasip.homeassistant.transport import Answer, Transport
    from hasip.secret import SecretStr

TIMEOUT_S = 10.0
# Home Assistant answers a service call when the service is done, or after 10 s.
SERVICE_TIMEOUT_S = 15.0
# Whether it runs is asked by those who have the time to wait for a slow one.
PATIENT_TIMEOUT_S = 60.0

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_FIRST_REDIRECT, _FIRST_ERROR = 300, 400
_RUNNING = "RUNNING"
# Kinds of requests: the first part of their path.
_WEBHOOK, _AUDIO = "webhook", "audio"
_FOR_EVERYBODY = frozenset({_WEBHOOK, _AUDIO})  # answered whatever the token is
_FOR_ADMINISTRATORS = frozenset({"states", "template"})


class HomeAssistantClient:
    """Home Assistant at one base URL; may be used by several threads at once."""

    def __init__(
        self,
        base_url: str,
        token: SecretStr | None,
        *,
        ca_file: Path | None = None,
        token_name: str = "HA_TOKEN",  # noqa: S107 - the name of a setting
        timeout_s: float = TIMEOUT_S,
        service_timeout_s: float = SERVICE_TIMEOUT_S,
    ) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._timeout_s = timeout_s
        self._service_timeout_s = service_timeout_s
        self._token = token
        self._ca_file = ca_file
        self.guard = TokenGuard(token_name)

    @functools.cached_property
    def _transport(self) -> Transport:
        # Imported here, and so by a worker: what it loads takes a while, and SIP is not to wait.
        from hasip.homeassistant.transport import Transport  # noqa: PLC0415

        token = self._token
        return Transport(None if token is None else token.get_secret_value(), self._ca_file)

    def prepare(self) -> None:
        """Load what requests need, so that the first of them is as quick as all others."""
        _ = self._transport

    def call_service(self, domain: str, service: str, body: Mapping[str, Any]) -> None:
        """Run an action."""
        self._post(f"services/{domain}/{service}", body, self._service_timeout_s)

    def send_webhook(self, webhook_id: str, body: Mapping[str, Any]) -> None:
        """Deliver a webhook; Home Assistant says yes to ids that it does not know, too."""
        self._post(f"{_WEBHOOK}/{webhook_id}", body)

    def set_state(self, entity_id: str, state: str, attributes: Mapping[str, Any]) -> None:
        """Show a state, which Home Assistant keeps until it restarts."""
        self._post(f"states/{entity_id}", {"state": state, "attributes": attributes})

    def render_template(self, template: str, timeout_s: float | None = None) -> str:
        """Return what a template says now."""
        return self._post("template", {"template": template}, timeout_s).text

    def is_running(self) -> bool:
        """Tell whether Home Assistant has started up, as far as it can be asked.

        While it starts it takes webhooks already, and says yes, but has no automation for them yet.
        """
        doing = f"GET config at {self._base_url}"
        try:
            self.guard.check(doing, "config")
            answer = self._get("config", f"{self._base_url}config", doing, PATIENT_TIMEOUT_S)
        except UnauthorizedError:
            return True  # somebody answered
        except RefusedError as error:
            if is_away(error):
                raise
            return True
        try:
            state = read_json(answer.body).get("state", _RUNNING)
        except (ValueError, AttributeError) as error:
            raise BadAnswerError(_no_object(doing, answer)) from error
        return bool(state == _RUNNING)

    def speech_urls(self, request: Mapping[str, Any], timeout_s: float) -> tuple[str, ...]:
        """Ask for speech; returns where its audio may be found, the likeliest address first.

        Home Assistant's own `url` is often not reachable from here: the path on the host that is
        known to answer comes first.
        """
        doing = "POST tts_get_url"
        answer = self._post("tts_get_url", request, timeout_s)
        try:
            found = read_json(answer.body)
            path, url = found.get("path"), found.get("url")
        except (ValueError, AttributeError) as error:
            raise BadAnswerError(_no_object(doing, answer)) from error
        root = self._base_url.removesuffix("api/")  # keeps the /core of http://supervisor/core
        urls = [urljoin(root, path.lstrip("/"))] if isinstance(path, str) and path else []
        urls += [url] if isinstance(url, str) and url else []
        if not urls:
            msg = f"{doing}: the answer has neither path nor url"
            raise BadAnswerError(msg)
        return tuple(dict.fromkeys(urls))

    def download(self, url: str, target: Path, timeout_s: float) -> None:
        """Write what a URL holds to `target`."""
        doing = f"GET {url.partition('?')[0]}"
        ours = urlsplit(url).netloc == urlsplit(self._base_url).netloc
        try:
            with target.open("wb") as file:
                self._get(_AUDIO, url, doing, timeout_s, with_token=ours, target=file)
            size = target.stat().st_size
        except OSError as error:
            msg = f"{doing}: {target} cannot be written: {error}"
            raise HomeAssistantError(msg) from error
        if size == 0:
            msg = f"{doing}: the audio is empty"
            raise BadAnswerError(msg)

    # --- what all requests have in common ---------------------------------------------------

    def _post(
        self,
        path: str,
        body: Mapping[str, Any],
        timeout_s: float | None = None,
    ) -> Answer:
        doing, kind = f"POST {path}", path.partition("/")[0]
        if kind not in _FOR_EVERYBODY:
            self.guard.check(doing, kind)
        url = self._base_url + path

        def send() -> Answer:
            return self._transport.post(
                url, body, f"{doing} at {self._base_url}", timeout_s or self._timeout_s
            )

        return self._checked(send, doing, kind)

    def _get(
        self,
        kind: str,
        url: str,
        doing: str,
        timeout_s: float,
        **how: Any,  # noqa: ANN401 - as the transport takes them
    ) -> Answer:
        return self._checked(lambda: self._transport.get(url, doing, timeout_s, **how), doing, kind)

    def _checked(self, send: Callable[[], Answer], doing: str, kind: str) -> Answer:
        """Return a good answer; everything else is an error, of which the guard hears."""
        try:
            answer = send()
            if answer.status == _UNAUTHORIZED and kind != _AUDIO:
                raise self._unauthorized(doing, kind)
            _check(answer, doing)
        except HomeAssistantError as error:
            if is_away(error):
                self.guard.home_was_away()
            raise
        if kind not in _FOR_EVERYBODY:
            self.guard.accepted(kind)
        return answer

    def _unauthorized(self, doing: str, kind: str) -> UnauthorizedError:
        """Return what a 401 means: a bad token, or a user who may not do this one thing."""
        if kind in _FOR_ADMINISTRATORS:
            with contextlib.suppress(HomeAssistantError):
                answer = self._transport.get(self._base_url, doing, self._timeout_s)
                if answer.status < _FIRST_REDIRECT:
                    self.guard.accepted("")
                    return self.guard.refused(doing, kind)
        return self.guard.refused(doing, "")


def _check(answer: Answer, doing: str) -> None:
    if answer.status >= _FIRST_ERROR:
        said = answer.text.strip()[:SHOWN_CHARS] or "no reason given"
        msg = f"{doing}: Home Assistant answered {answer.status}: {said}"
        if answer.status == _FORBIDDEN:
            msg += "; is our address in its ip_bans.yaml?"
        raise RefusedError(msg, answer.status)
    if answer.status >= _FIRST_REDIRECT:
        where = answer.location.partition("?")[0] or "nowhere"
        msg = f"{doing}: redirected ({answer.status}) to {where}; let HA_BASE_URL begin like that"
        raise MisconfiguredError(msg)
    if answer.kind == "text/html":
        msg = f"{doing}: a web page came back, not Home Assistant's API; check HA_BASE_URL"
        raise BadAnswerError(msg)


def _no_object(doing: str, answer: Answer) -> str:
    return f"{doing}: not a JSON object: {answer.text[:SHOWN_CHARS]!r}"
