"""Prints who did what, at which millisecond."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.home_assistant import Request, StandInHomeAssistant


class Timeline:
    """Lines in the order of their times; what Home Assistant was asked comes in between."""

    def __init__(self, house: StandInHomeAssistant) -> None:
        self._house = house
        self._started = time.monotonic()
        self._told = 0

    def tell(self, who: str, what: str) -> None:
        """Print what somebody did just now, after what happened before."""
        now = time.monotonic()
        self.catch_up()
        self._print(now, who, what)

    def catch_up(self) -> None:
        """Print the requests that Home Assistant got meanwhile."""
        new = self._house.requests[self._told :]
        self._told += len(new)
        for request in new:
            self._print(request.at, "Home Assistant", _said(request))

    def _print(self, at: float, who: str, what: str) -> None:
        print(f"{(at - self._started) * 1000:7.0f} ms  {who:14}  {what}", flush=True)


def _said(request: Request) -> str:
    kind, _, rest = request.path.partition("/")
    if kind == "webhook":
        event = request.body
        detail = event.get("menu_id") or event.get("digit") or event.get("hangup_by") or ""
        return f"is told: {event['event']} {detail}".rstrip()
    if kind == "services":
        return f"RUNS {rest.replace('/', '.')} {request.body}"
    if kind == "tts_get_url":
        return f'is asked to say "{request.body["message"]}"'
    return "hands the audio over" if kind == "tts_proxy" else f"gets {request.path}"
