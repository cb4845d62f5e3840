"""Reads JSON that comes from outside."""

from __future__ import annotations

import json
from typing import Any


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 - that is for the caller to find out
    """Return what it says; raises `ValueError`, also where it is nested too deeply for us."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error
