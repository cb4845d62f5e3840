"""Translates the errors of requests into ours, here and nowhere else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import urllib3

from hasip.errors import HomeAssistantError
from hasip.homeassistant.errors import (
    SHOWN_CHARS,
    BadAnswerError,
    MisconfiguredError,
    TimedOutError,
    UnreachableError,
)
from hasip.homeassistant.lean_requests import requests
from hasip.homeassistant.tls import tls_problem

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise our errors in place of those of requests."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        msg = f"{doing}: {tls_problem(error)}"
        raise MisconfiguredError(msg) from error
    except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
        msg = f"{doing}: nobody answers there; is the address right, and Home Assistant running?"
        raise UnreachableError(msg) from error
    except requests.Timeout as error:
        msg = f"{doing}: no answer in time"
        raise TimedOutError(msg) from error
    except urllib3.exceptions.ReadTimeoutError as error:
        msg = f"{doing}: the answer stopped before its end"
        raise TimedOutError(msg) from error
    except requests.ConnectionError as error:
        if not broke(error):
            msg = f"{doing}: cannot connect: {_root_cause(error)}"
            raise UnreachableError(msg) from error
        msg = f"{doing}: the connection broke: {_root_cause(error)}"
        raise TimedOutError(msg) from error
    except urllib3.exceptions.HTTPError as error:
        msg = f"{doing}: the connection broke: {_root_cause(error)}"
        raise TimedOutError(msg) from error
    except requests.RequestException as error:
        msg = f"{doing}: {_root_cause(error)}"
        raise HomeAssistantError(msg) from error
    except ValueError as error:  # the address of a redirect that is none
        msg = f"{doing}: an answer that can't be understood: {_root_cause(error)}"
        raise BadAnswerError(msg) from error


def broke(error: requests.ConnectionError) -> bool:
    """Tell whether there was a connection, which then broke."""
    if isinstance(error, requests.Timeout):
        return False
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ not in ("NewConnectionError", "NameResolutionError")


def _root_cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:SHOWN_CHARS]
