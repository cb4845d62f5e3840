"""A menu as people write it, in a command or in a menu file.

This is only the edge: `calls/menu.py` makes the frozen tree from it that a call works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hasip.commands.fields import Seconds, Text

if TYPE_CHECKING:
    # The other half of a circle; `commands/model.py` closes it.
    from hasip.commands.model import AnyCommand  # noqa: TC004


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


class MenuSpec(BaseModel):
    """One menu with the menus below it, key by key as in the documentation."""

    # Unknown keys are kept, so that the reader can warn of them: an old file must still work.
    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[Text | None, BeforeValidator(_trimmed)] = None
    message: Text | None = None
    handle_as_template: bool = False
    language: str | None = None
    audio_file: str | None = None
    cache_audio: bool = False
    wait_for_audio_to_finish: bool = False
    choices_are_pin: bool = False
    timeout: Seconds | None = None
    post_action: Text | None = None
    action: AnyCommand | None = None
    choices: dict[Text, MenuSpec | None] | None = None
    pin_max_attempts: Annotated[int, Field(ge=0)] | None = None
    pin_lockout: Seconds | None = None
    mask_pin: bool = False
