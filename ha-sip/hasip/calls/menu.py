"""Menus as a call works with them: a frozen tree, read once.

A menu refers to others by their place in the tree, so that a tree is plain data without cycles
and nothing is looked up by a text key while a call runs.
"""

from __future__ import annotations

import logging
import re
from dataclasses import field
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, NewType, TypeVar

from hasip.calls.prompt import AudioFile, Message, Prompt
from hasip.commands.findings import Finding, FindingsError, shown_choice, unknown
from hasip.commands.menu_spec import MenuSpec
from hasip.commands.model import Answer, Dial
from hasip.commands.reading import keys_of
from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasip.commands.findings import Place
    from hasip.commands.model import Command

_log = logging.getLogger(__name__)

T = TypeVar("T")
MenuIndex = NewType("MenuIndex", int)

ROOT = MenuIndex(0)
DEFAULT_TIMEOUT_S = 300.0
DEFAULT_PIN_MAX_ATTEMPTS = 3
DEFAULT_PIN_LOCKOUT_S = 60.0
UNKNOWN_OPTION = "Unknown option"
# Most menus have none; one of its own each would be a third of what a large tree takes.
_NO_CHOICES: Mapping[str, MenuIndex] = MappingProxyType({})
_NO_PREFIXES: frozenset[str] = frozenset()
# All of them, for every jump that leads nowhere, would be 1 GB in a menu of 10,000 choices.
MOST_SHOWN_IDS = 20
DIGITS = frozenset("0123456789*#ABCD")

_POST_ACTION = re.compile(
    r"(?P<noop>noop)|(?P<hangup>hangup)|(?P<repeat>repeat_message)"
    r"|return(?:\s+(?P<levels>[0-9]+))?|jump\s+(?P<target>\S.*)"
)


@dataclass(frozen=True, slots=True)
class NoOp:
    """Stay in the menu and wait for digits."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Play the prompt again."""


@dataclass(frozen=True, slots=True)
class Return:
    """Go so many levels up and enter that menu."""

    levels: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Enter the menu with this id; `target` is None where the tree has none such."""

    menu_id: str
    target: MenuIndex | None


PostAction = NoOp | HangUp | Repeat | Return | Jump


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """One menu of a tree."""

    index: MenuIndex
    parent: MenuIndex | None  # None: the root
    id: str | None = None
    prompts: tuple[Prompt, ...] = ()
    action: Command | None = None
    post_action: PostAction = field(default_factory=NoOp)
    choices: Mapping[str, MenuIndex] = field(default_factory=lambda: _NO_CHOICES)
    prefixes: frozenset[str] = frozenset()  # every beginning of a choice
    longest_choice: int = 0
    choices_are_pin: bool = False
    pin_max_attempts: int = DEFAULT_PIN_MAX_ATTEMPTS  # 0: no limit
    pin_lockout_s: float = DEFAULT_PIN_LOCKOUT_S
    mask_pin: bool = False
    default: MenuIndex | None = None  # None: a wrong digit is only dropped
    timeout: MenuIndex | None = None  # None: the call ends at the timeout
    timeout_s: float | None = None  # None: no timeout
    wait_for_audio: bool = False


@dataclass(frozen=True, slots=True)
class MenuTree:
    """All menus of a call; the root comes first."""

    menus: tuple[Menu, ...]
    # What was written but can't do what its author thinks; to be logged once.
    warnings: tuple[Finding, ...] = ()

    def __getitem__(self, index: MenuIndex) -> Menu:
        """Return the menu at a place."""
        return self.menus[index]

    @property
    def asks_for_pin(self) -> bool:
        """Tell whether any menu has codes to be guessed."""
        return any(menu.choices_are_pin for menu in self.menus)

    @property
    def root(self) -> Menu:
        """Return the menu that a call starts in."""
        return self.menus[ROOT]


class MenuError(FindingsError):
    """A menu that cannot be used; each problem names the place."""


# A call without a menu: nothing is said, digits are only reported, nothing times out.
SILENT = MenuTree((Menu(index=ROOT, parent=None),))


def build_menu(spec: MenuSpec, place: Place = ("menu",), where: str = "menu") -> MenuTree:
    """Make the tree that a written menu means; raises `MenuError`.

    `place` and `where` say where it was written, for people `where` (see `Finding`).
    """
    builder = _Builder()
    tree = builder.build(spec, place, where)
    if builder.problems:
        raise MenuError(builder.problems)
    return tree


def menu_of(command: Dial | Answer) -> MenuTree | None:
    """Return the tree of the menu that a command brings; raises `MenuError`."""
    if command.menu is None:
        return None
    tree = build_menu(command.menu)
    for warning in tree.warnings:
        _log.warning("%s %s: %s", command.command, command.number, warning)
    return tree


@dataclass(slots=True)
class _Draft:
    """A menu that has its place already, but whose jump may lead to one that has none yet."""

    spec: MenuSpec
    index: MenuIndex
    parent: MenuIndex | None
    place: Place
    where: str  # the same for people
    choices: dict[str, MenuIndex] = field(default_factory=dict)
    default: MenuIndex | None = None
    timeout: MenuIndex | None = None
    is_fallback: bool = False  # a default or timeout choice, which has none of its own


class _Builder:
    """Gives every menu its place, then makes the menus."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self._drafts: list[_Draft] = []
        self._by_id: dict[str, MenuIndex] = {}
        self._warnings: list[Finding] = []

    def build(self, spec: MenuSpec, place: Place, where: str) -> MenuTree:
        self._place(spec, None, place, where)
        menus = tuple(self._menu(draft) for draft in self._drafts)
        return MenuTree(menus, tuple(self._warnings))

    def _place(
        self,
        spec: MenuSpec,
        parent: MenuIndex | None,
        place: Place,
        where: str,
        *,
        is_fallback: bool = False,
    ) -> MenuIndex:
        index = MenuIndex(len(self._drafts))
        draft = _Draft(spec, index, parent, place, where, is_fallback=is_fallback)
        self._drafts.append(draft)
        self._note_id(draft)
        for key in spec.unknown_keys:
            self._warn(draft, key, unknown(key, keys_of(MenuSpec), "key"))
        self._check_action(draft)
        for key, child in (spec.choices or {}).items():
            self._place_choice(draft, key, child or MenuSpec())
        if draft.default is None and not is_fallback:
            draft.default = self._place_unknown_option(draft)
        self._warn_of_hidden_choices(draft)
        return index

    def _place_choice(self, draft: _Draft, written: str, child: MenuSpec) -> None:
        key = written.strip()
        place = (*draft.place, "choices", written)
        where = f"{draft.where}.choices.{shown_choice(key, is_pin=draft.spec.choices_are_pin)}"
        if key == "default":
            draft.default = self._place(child, draft.index, place, where, is_fallback=True)
        elif key == "timeout":
            draft.timeout = self._place(child, draft.index, place, where, is_fallback=True)
        elif not key or not DIGITS.issuperset(key.upper()):
            text = (
                'can never be typed; a choice is made of 0-9 * # A-D, or is "default" or "timeout"'
            )
            self._warnings.append(Finding(place, text, where))
        else:
            draft.choices[key.upper()] = self._place(child, draft.index, place, where)

    def _place_unknown_option(self, draft: _Draft) -> MenuIndex:
        spec = MenuSpec(
            message=UNKNOWN_OPTION, language=draft.spec.language, post_action="return 1"
        )
        where = f"{draft.where}.choices.default"
        return self._place(spec, draft.index, draft.place, where, is_fallback=True)

    def _note_id(self, draft: _Draft) -> None:
        menu_id = draft.spec.id
        if menu_id and menu_id in self._by_id:
            text = f'"{menu_id}" is taken, jumps go to the first menu with it; choose another one'
            self._warn(draft, "id", text)
        elif menu_id:
            self._by_id[menu_id] = draft.index

    def _check_action(self, draft: _Draft) -> None:
        """Look into what runs later, so that its mistakes are not heard of only then."""
        action = draft.spec.action
        if action is None:
            return
        for key in action.unknown_keys:
            known = keys_of(type(action))
            self._warn(draft, "action", unknown(key, known, "key"), key)
        if isinstance(action, Dial | Answer) and action.menu is not None:
            builder = _Builder()
            place, where = (*draft.place, "action", "menu"), f"{draft.where}.action.menu"
            tree = builder.build(action.menu, place, where)
            self.problems += builder.problems
            self._warnings += tree.warnings

    def _warn_of_hidden_choices(self, draft: _Draft) -> None:
        for choice in draft.choices:
            shorter = [
                choice[:end] for end in range(1, len(choice)) if choice[:end] in draft.choices
            ]
            if not shorter:
                continue
            text = "can never be typed, since one that it begins with is entered first; rename one"
            shown = shown_choice(choice, is_pin=draft.spec.choices_are_pin)
            self._warn(draft, "choices", f'"{shown}" {text}', choice)

    def _warn(self, draft: _Draft, key: str, text: str, *deeper: str) -> None:
        finding = Finding((*draft.place, key, *deeper), text, f"{draft.where}.{key}")
        self._warnings.append(finding)

    def _menu(self, draft: _Draft) -> Menu:
        spec = draft.spec
        timeout_s = _or(spec.timeout, DEFAULT_TIMEOUT_S)
        never = draft.is_fallback and spec.timeout is None and draft.timeout is None
        post_action = self._post_action(draft)
        if never and not draft.choices and isinstance(post_action, NoOp):
            text = (
                "a caller who gets here stays until hanging up; "
                "write a post_action, such as return or hangup"
            )
            self._warnings.append(Finding(draft.place, text, draft.where))
        return Menu(
            index=draft.index,
            parent=draft.parent,
            id=spec.id or None,
            prompts=_prompts(spec),
            action=spec.action,
            post_action=post_action,
            choices=draft.choices or _NO_CHOICES,
            prefixes=frozenset(key[:end] for key in draft.choices for end in range(1, len(key)))
            or _NO_PREFIXES,
            longest_choice=max(map(len, draft.choices), default=0),
            choices_are_pin=spec.choices_are_pin,
            pin_max_attempts=_or(spec.pin_max_attempts, DEFAULT_PIN_MAX_ATTEMPTS),
            pin_lockout_s=_or(spec.pin_lockout, DEFAULT_PIN_LOCKOUT_S),
            mask_pin=spec.mask_pin,
            default=draft.default,
            timeout=draft.timeout,
            timeout_s=None if never else timeout_s,
            wait_for_audio=spec.wait_for_audio_to_finish,
        )

    def _post_action(self, draft: _Draft) -> PostAction:
        written = (draft.spec.post_action or "noop").strip()
        found = _POST_ACTION.fullmatch(written)
        if found is None or found["levels"] == "0":
            text = (
                "must be noop, hangup, repeat_message, return, return <levels> "
                f'or jump <menu-id>; got "{written}"'
            )
            place = (*draft.place, "post_action")
            self.problems.append(Finding(place, text, f"{draft.where}.post_action"))
            return NoOp()
        if found["hangup"]:
            return HangUp()
        if found["repeat"]:
            return Repeat()
        if found["target"]:
            return self._jump(draft, found["target"])
        return NoOp() if found["noop"] else Return(int(found["levels"] or 1))

    def _jump(self, draft: _Draft, menu_id: str) -> Jump:
        target = self._by_id.get(menu_id)
        if target is None:
            known = ", ".join(islice(self._by_id, MOST_SHOWN_IDS)) or "none"
            if len(self._by_id) > MOST_SHOWN_IDS:
                known += f" and {len(self._by_id) - MOST_SHOWN_IDS} more"
            self._warn(draft, "post_action", f'no menu has the id "{menu_id}"; ids: {known}')
        return Jump(menu_id, target)


def _or(written: T | None, default: T) -> T:
    return default if written is None else written


def _prompts(spec: MenuSpec) -> tuple[Prompt, ...]:
    prompts: list[Prompt] = []
    if spec.message and spec.message.strip():
        message = Message(
            text=spec.message,
            language=spec.language or None,
            is_template=spec.handle_as_template,
            cache=spec.cache_audio,
        )
        prompts.append(message)
    if spec.audio_file and spec.audio_file.strip():
        prompts.append(AudioFile(path=spec.audio_file, cache=spec.cache_audio))
    return tuple(prompts)
