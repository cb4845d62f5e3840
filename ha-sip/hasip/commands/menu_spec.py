"""A menu as people write it, in a command or in a menu file.

This is only the edge: `calls/menu.py` makes the frozen tree from it that a call works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hasip.commands.fields import Seconds, Text
from hasip.commands.marks import Between, First, ForEditors
from hasip.commands.reading import Written
from hasip.dataclass import dataclass

if TYPE_CHECKING:
    # The other half of a circle; `commands/model.py` closes it.
    from hasip.commands.model import AnyCommand  # noqa: TC004

# As it is written; what it means is in `calls/menu.py`.
POST_ACTION = r"^\s*(noop|hangup|repeat_message|return(\s+[1-9][0-9]*)?|jump\s+\S.*)\s*$"


PostActionText = Annotated[Text, ForEditors(more={"pattern": POST_ACTION})]
_CHOICES = {
    "propertyNames": {"pattern": r"^\s*([0-9*#A-Da-d]+|default|timeout)\s*$", "type": "string"}
}


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuSpec(Written):
    """A menu: what is said in it, and what can be typed."""

    id: Annotated[Text | None, First(_trimmed)] = None
    """A name: for jumps, and told in the event entered_menu."""
    message: Text | None = None
    """What is spoken."""
    handle_as_template: bool = False
    """Whether Home Assistant renders the message as a template first."""
    language: str | None = None
    """The language of the message; without it that of the settings."""
    audio_file: str | None = None
    """The path of a file that is played, after the message if both are there."""
    cache_audio: bool = False
    """Whether the converted audio is kept in the cache folder."""
    wait_for_audio_to_finish: bool = False
    """Whether digits are dropped while the prompt plays; else they interrupt it."""
    choices_are_pin: bool = False
    """Whether the choices are codes, so that a wrong one is only told after its last digit."""
    timeout: Seconds | None = None
    """Seconds without a digit after which the choice timeout is taken; 300 without it."""
    post_action: PostActionText | None = None
    """What happens after the prompt: noop, hangup, repeat_message, return, return N, jump ID."""
    action: AnyCommand | None = None
    """A command that runs when the menu is entered; without command it is call_service."""
    choices: Annotated[dict[Text, MenuSpec | None] | None, ForEditors(more=_CHOICES)] = None
    """The menus below, each by the digits that lead there, and the menus default and timeout."""
    pin_max_attempts: Annotated[int, Between(0)] | None = None
    """Wrong codes after which the caller is locked out; 3 without it, 0: any number."""
    pin_lockout: Seconds | None = None
    """Seconds for which calls of who was locked out are not answered; 60 without it."""
    mask_pin: bool = False
    """Whether events have * in place of the digits of codes; the log always has."""
