"""What can go wrong with a request, and whether it can have arrived.

::

    HomeAssistantError
    ├── UnreachableError         certain: it did not arrive
    │   └── MisconfiguredError   nor will it, until somebody changes a setting
    ├── TimedOutError            no answer in time, or the connection broke: it may have arrived
    ├── RefusedError             an answer that says no
    ├── UnauthorizedError        401: the token, or what its user may do
    └── BadAnswerError           an answer that Home Assistant would not give

Those of requests are translated into them in `translation.py`.
"""

from __future__ import annotations

from hasip.errors import HomeAssistantError

SHOWN_CHARS = 200
_AWAY = frozenset({502, 503, 504})


class UnreachableError(HomeAssistantError):
    """Nobody answered at the address; the request did certainly not arrive."""


class MisconfiguredError(UnreachableError):
    """The address or the certificate is wrong; to try again at once is no use."""


class TimedOutError(HomeAssistantError):
    """No answer in time, or the connection broke; the request may have arrived."""


class UnauthorizedError(HomeAssistantError):
    """The token was refused."""


class RefusedError(HomeAssistantError):
    """Home Assistant answered with an error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class BadAnswerError(HomeAssistantError):
    """An answer that is not what the API promises."""


def is_away(error: HomeAssistantError) -> bool:
    """Tell whether Home Assistant is not there, so that it is worth asking again later."""
    if isinstance(error, RefusedError):
        return error.status in _AWAY  # a proxy in front of it says so
    return isinstance(error, UnreachableError)
