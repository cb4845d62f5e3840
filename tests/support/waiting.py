"""Waits for things to happen, with a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 20.0  # a machine with other work to do takes ten times as long as an idle one


def wait_until(
    holds: Callable[[], object], what: str | Callable[[], str], timeout_s: float = PATIENCE_S
) -> None:
    """Wait for a condition; raises AssertionError that says what did not come true."""
    ends_at = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > ends_at:
            msg = f"not within {timeout_s} s: {what if isinstance(what, str) else what()}"
            raise AssertionError(msg)
        time.sleep(0.005)
