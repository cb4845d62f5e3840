"""Compares codes; how long it takes tells nothing about them.

By `hmac.compare_digest`, without the 4 MiB of OpenSSL that `hmac` loads for what else it can: where
Python was built without OpenSSL, `hmac` itself takes it from here.
"""

from __future__ import annotations

from _operator import _compare_digest as compare_digest
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def behind(typed: str, choices: Mapping[str, T]) -> T | None:
    """Return what is behind the code that was typed; all are compared, also after the right one."""
    found = None
    for code, leads_to in choices.items():
        if compare_digest(code.encode(), typed.encode()):
            found = leads_to
    return found
