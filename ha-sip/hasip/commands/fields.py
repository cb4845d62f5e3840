"""Field types that commands and menus share: what people may write, and what it becomes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints


def _written(value: object) -> object:
    """Take a number written without quotes as the text that was written."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(getattr(value, "written", value))
    return value


def _wav(value: object) -> object:
    if isinstance(value, str):
        path = PurePosixPath(value)
        if not path.is_absolute() or path.suffix.lower() != ".wav":
            msg = f'must be an absolute path that ends in .wav; got "{value}"'
            raise ValueError(msg)
    return value


# Text, or a number without quotes: `5551234` in JSON, `0123` in YAML.
Text = Annotated[str, BeforeValidator(_written, json_schema_input_type=str | float)]
# A SIP URI, a phone number, an internal_id or a SIP Call-ID.
CallNumber = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1)]
Digits = Annotated[
    Text,
    StringConstraints(
        strip_whitespace=True, to_upper=True, max_length=256, pattern=r"^[0-9A-Da-d*#]+$"
    ),
]
# An absolute path to a file that is to be written.
WavPath = Annotated[str, BeforeValidator(_wav)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SipErrorCode = Annotated[int, Field(ge=300, le=699)]


def _without_empty(value: object) -> object:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: webhook for name, webhook in value.items() if webhook not in (None, "")}
    return value


# Event name -> webhook ID.
WebhookMap = Annotated[
    dict[str, Text],
    BeforeValidator(_without_empty, json_schema_input_type=dict[str, Text | None] | None),
]
