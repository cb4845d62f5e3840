"""`--check`: says what the settings and menu files mean, and what is wrong in them."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hasip import __version__
from hasip.calls.menu_file import MenuFileError, read_menu_file
from hasip.calls.screening import AnswerMode
from hasip.dataclass import dataclass
from hasip.errors import ConfigError
from hasip.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasip.calls.menu_file import MenuFile
    from hasip.settings.model import Account, Settings

MASK = "***"
# Shown with each account, or apart.
_NOT_HERE = frozenset(("accounts", "warnings", "problems", "is_addon"))


@dataclass(frozen=True, slots=True)
class Report:
    """What was understood, and what is wrong."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]  # something will not work as it is written
    warnings: tuple[str, ...]  # something may be meant otherwise

    def text(self) -> str:
        """Return all of it for people."""
        listed = [
            *(f"warning: {warning}" for warning in self.warnings),
            *(f"problem: {problem}" for problem in self.problems),
        ]
        counts = f"{_count(self.problems, 'problem')}, {_count(self.warnings, 'warning')}"
        return "\n".join([*self.lines, *listed, counts])


def check(load: Callable[[], Settings]) -> Report:
    """Load the settings and read every menu file they name."""
    try:
        settings = load()
    except ConfigError as error:
        return Report((f"ha-sip {__version__}",), tuple(str(error).splitlines()), ())
    origin = "/data/options.json" if settings.is_addon else "the environment and .env"
    lines = [f"ha-sip {__version__}, settings from {origin}", *_shown(settings)]
    problems, warnings = [], list(settings.warnings)
    cache_dir = settings.sip.cache_dir
    if cache_dir is not None and not _is_folder(cache_dir):
        problems.append(f"cache_dir: {cache_dir} is not a folder; create it, or nothing is cached")
    for account in settings.accounts:
        lines += [f"account {account.number}", *_shown(account)]
        problems += [str(problem) for problem in account.problems]
        try:
            file = _menu_file(account)
        except MenuFileError as error:
            lines.append("  the menu file is broken: this account only listens")
            problems += error.problems
            continue
        if file is not None:
            lines += [f"  {line}" for line in _understood(file)]
            warnings += file.warnings
            warnings += _in_vain(account)
    return Report(tuple(lines), tuple(problems), tuple(warnings))


def _menu_file(account: Account) -> MenuFile | None:
    path = account.incoming_call_file
    return None if path is None else read_menu_file(path)


def _in_vain(account: Account) -> Iterator[str]:
    if account.answer_mode is AnswerMode.REJECT:
        yield f"account {account.number} rejects every call, so nobody hears its menu"


def _understood(file: MenuFile) -> Iterator[str]:
    """Yield what a menu file says."""
    menus = file.tree.menus
    ids = ", ".join(menu.id for menu in menus if menu.id) or "none"
    pins = sum(len(menu.choices) for menu in menus if menu.choices_are_pin)
    yield f"menus: {len(menus)}; ids: {ids}; codes: {pins}"
    who = "everybody"
    if file.filter.allowed is not None:
        who = ", ".join(file.filter.allowed.written) or "nobody"
    elif file.filter.blocked is not None and file.filter.blocked.written:
        who = f"everybody but {', '.join(file.filter.blocked.written)}"
    yield f"answers: {who}; after {file.answer_after_s:g} s"


def _shown(settings: object, indent: str = "  ") -> Iterator[str]:
    """Yield a line a value; secrets are masked, and what is not set is left out."""
    if not is_dataclass(settings):
        return
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in _NOT_HERE or value in (None, ()):
            continue
        if is_dataclass(value):
            yield f"{indent}{field.name}"
            yield from _shown(value, indent + "  ")
        else:
            yield f"{indent}{field.name}: {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) if isinstance(value, int | float | str | Path) else MASK


def _count(things: tuple[str, ...], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _is_folder(path: Path) -> bool:
    """Tell it of any name; pathlib raises an error where one is too long."""
    return os.path.isdir(path)  # noqa: PTH112
