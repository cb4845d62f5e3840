"""Asks the Supervisor for the broker that it has for apps."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import SHOWN_CHARS
from hasip.json_text import read_json
from hasip.secret import SecretStr
from hasip.settings.model import BrokerTls
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.settings.model import Mqtt
    from hasip.workers import Result

_log = logging.getLogger(__name__)

SUPERVISOR_URL = "http://supervisor"
TIMEOUT_S = 10.0
# The Mosquitto app may start after us, or be installed later.
ASK_AGAIN_AFTER_S = 30.0
_OK = 200


class BrokerSearch:
    """Finds out where the broker is, however long that takes; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        settings: Mqtt,
        token: SecretStr | None,
        found: Callable[[Mqtt], None],
        base_url: str = SUPERVISOR_URL,
    ) -> None:
        """`found` gets the settings with, where they name none, the Supervisor's broker."""
        self._loop = loop
        self._settings = settings
        self._token = token
        self._found = found
        self._base_url = base_url
        self._pool = WorkerPool("supervisor", loop, threads=1, waiting=0)
        self._is_looking = False
        self._last_error = ""

    def look(self) -> None:
        """Look; the Supervisor is asked until it knows a broker.

        To be called again when the broker refused us: the Mosquitto app has new passwords when it
        was installed anew.
        """
        if self._settings.address is not None:
            self._found(self._settings)
        elif not self._is_looking:
            self._is_looking = True
            self._ask()

    def _ask(self) -> None:
        self._pool.submit(
            lambda: find_broker(self._settings, self._token, self._base_url), self._take
        )

    def _take(self, result: Result[Mqtt]) -> None:
        if isinstance(result, Failed):
            if str(result.error) != self._last_error:
                self._last_error = str(result.error)
                _log.warning("MQTT: %s; asking again", result.error)
            self._loop.call_later(ASK_AGAIN_AFTER_S, self._ask)
            return
        self._is_looking = False
        self._last_error = ""
        self._found(result.value)


def find_broker(settings: Mqtt, token: SecretStr | None, base_url: str = SUPERVISOR_URL) -> Mqtt:
    """Return the settings with the Supervisor's broker in them; raises `HomeAssistantError`.

    Waits, so workers call it.
    """
    doing = f"GET {base_url}/services/mqtt"
    # As in the client: not before SIP is up.
    from hasip.homeassistant.transport import Transport  # noqa: PLC0415

    transport = Transport(None if token is None else token.get_secret_value(), ca_file=None)
    answer = transport.get(f"{base_url}/services/mqtt", doing, TIMEOUT_S)
    try:
        told = read_json(answer.body)
    except ValueError as error:
        msg = f"{doing}: no JSON: {answer.text[:SHOWN_CHARS]!r}"
        raise HomeAssistantError(msg) from error
    data = told.get("data") if isinstance(told, dict) else None
    if answer.status != _OK or not isinstance(data, dict) or not data.get("host"):
        said = told.get("message") if isinstance(told, dict) else None
        msg = (
            f"{doing}: the Supervisor knows no broker ({answer.status}: {said or 'no host'}); "
            "install the Mosquitto app, or set mqtt.address"
        )
        raise HomeAssistantError(msg)
    return _with_broker(settings, data, doing)


def _with_broker(settings: Mqtt, data: dict[str, object], doing: str) -> Mqtt:
    try:
        port = int(str(data.get("port", 1883)))
    except ValueError as error:
        msg = f"{doing}: the port is no number"
        raise HomeAssistantError(msg) from error
    username, password = data.get("username"), data.get("password")
    return replace(
        settings,
        address=str(data["host"]),
        port=port,
        username=str(username) if username else None,
        password=SecretStr(str(password)) if password else None,
        tls=(settings.tls or BrokerTls()) if data.get("ssl") else settings.tls,
    )
