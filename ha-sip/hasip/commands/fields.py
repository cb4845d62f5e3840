"""Field types that commands and menus share: what people may write, and what it becomes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from hasip.commands.marks import Between, Characters, First, ForEditors


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


def _without_empty(value: object) -> object:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: webhook for name, webhook in value.items() if webhook not in (None, "")}
    return value


# Text, or a number without quotes: `5551234` in JSON, `0123` in YAML.
Text = Annotated[str, First(_written), ForEditors(kind=str | float)]
# A SIP URI, a phone number, an internal_id or a SIP Call-ID.
CallNumber = Annotated[Text, Characters(is_trimmed=True, fewest=1)]
Digits = Annotated[
    Text, Characters(is_trimmed=True, is_upper=True, most=256, pattern="[0-9A-Da-d*#]+")
]
# An absolute path to a file that is to be written.
WavPath = Annotated[str, First(_wav)]
Seconds = Annotated[float, Between(0)]
SipErrorCode = Annotated[int, Between(300, 699)]
# Event name -> webhook ID.
WebhookMap = Annotated[
    dict[str, Text], First(_without_empty), ForEditors(kind=dict[str, Text | None] | None)
]
