"""Turns pjsua2's errors into ours, and keeps errors of ours out of pjsip's threads."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.errors import SipError

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


# What pjsip refuses a request with while the one before has no answer yet (PJSIP_EBUSY).
_BUSY = 171001
# PJSIP_ESESSIONTERMINATED.
_OVER = 171140


class BusyError(SipError):
    """The one before is still under way; its answer will come."""


class OverError(SipError):
    """The call is over: the other side was first, and that is told."""


@contextlib.contextmanager
def sip_errors(doing: str) -> Iterator[None]:
    """Raise `SipError("cannot …")` where pjsua2 refuses what the block does."""
    try:
        yield
    except pj.Error as error:
        reason, status = error.reason, error.status
        msg = f"cannot {doing}: {reason} (pjsip status {status})"
        kind = {_BUSY: BusyError, _OVER: OverError}.get(status, SipError)
        raise kind(msg) from None  # the original holds pjsua2 objects in its traceback


@contextlib.contextmanager
def guarded(callback: str) -> Iterator[None]:
    """Let nothing out of a pjsua2 callback: an error there is printed and keeps objects alive."""
    try:
        yield
    except pj.Error as error:
        _log.error("%s: %s", callback, error.reason)
    except Exception:
        _log.exception("%s failed", callback)
