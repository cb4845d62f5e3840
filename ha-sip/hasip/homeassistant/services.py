"""Runs actions of Home Assistant on workers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import MisconfiguredError, TimedOutError, UnreachableError
from hasip.workers import Failed, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.commands.model import CallService
    from hasip.homeassistant.client import HomeAssistantClient
    from hasip.loop import Loop
    from hasip.workers import Result

_log = logging.getLogger(__name__)

# A gate that opens long after the code was typed opens for nobody, or for somebody else.
TRY_WITHIN_S = 5.0
RETRY_S = 0.5


class ServiceCalls:
    """Fulfils `commands.dispatcher.ServiceCaller`; loop thread only.

    An action is tried again only while it has certainly not arrived, since nobody wants a gate that
    toggles twice. The workers are for actions alone: a door never waits behind a webhook or a
    prompt.
    """

    def __init__(self, loop: Loop, client: HomeAssistantClient | None) -> None:
        self._loop = loop
        self._client = client
        self._pool = WorkerPool("services", loop, threads=16, waiting=500)

    def call(self, command: CallService, done: Callable[[Result[None]], None]) -> None:
        """Run an action; `done` follows on the loop."""
        client = self._client
        if client is None:
            error = HomeAssistantError("no services without Home Assistant; set HA_BASE_URL")
            self._loop.post(lambda: done(Failed(error)))
            return
        self._pool.submit(lambda: _call(client, command), done)


def _call(client: HomeAssistantClient, command: CallService) -> None:
    give_up_at = time.monotonic() + TRY_WITHIN_S
    while True:
        try:
            client.call_service(command.domain, command.service, command.body())
        except MisconfiguredError:
            raise
        except UnreachableError as error:
            if time.monotonic() + RETRY_S > give_up_at:
                raise
            _log.info("Service %s.%s, again soon: %s", command.domain, command.service, error)
            time.sleep(RETRY_S)
        except TimedOutError as error:
            msg = f"{error}; it may have run all the same"
            raise TimedOutError(msg) from error
        else:
            return
