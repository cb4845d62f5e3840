"""Reads the file that says how an account treats incoming calls (`incoming_call_file`)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from hasip.calls.menu import SILENT, MenuTree, build_menu
from hasip.calls.screening import NumberFilter, NumberPatterns
from hasip.commands.fields import Seconds, Text, WebhookMap
from hasip.commands.findings import Finding, FindingsError, unknown
from hasip.commands.menu_spec import MenuSpec
from hasip.commands.reading import Written, keys_of, read
from hasip.dataclass import dataclass
from hasip.errors import ConfigError
from hasip.events.model import CALL_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from hasip.calls.yaml_text import YamlText


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuFileSpec(Written):
    """How an account treats incoming calls."""

    allowed_numbers: list[Text] | None = None
    """Who is answered, all others are not. {*}: any number of digits, {?}: one digit."""
    blocked_numbers: list[Text] | None = None
    """Who is not answered, all others are. {*}: any number of digits, {?}: one digit."""
    answer_after: Seconds = 0.0
    """Seconds of ringing before the call is answered."""
    webhook_to_call: WebhookMap = field(default_factory=dict)
    """Event name and webhook ID: sent there beside the global webhook."""
    menu: MenuSpec | None = None
    """What callers hear and can type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuFile:
    """How an account treats the calls that come in."""

    filter: NumberFilter = field(default_factory=NumberFilter)
    answer_after_s: float = 0.0
    webhooks: Mapping[str, str] = field(default_factory=dict)
    tree: MenuTree = SILENT
    is_broken: bool = False  # it could not be read: nobody is answered by it
    warnings: tuple[str, ...] = ()


class MenuFileError(ConfigError):
    """A menu file that can't be used; each problem with file, line and what to write."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def read_menu_file(path: Path) -> MenuFile:
    """Read a menu file; raises `MenuFileError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MenuFileError([f"{path}: cannot be read: it is not UTF-8"]) from error
    except OSError as error:
        raise MenuFileError([f"{path}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:  # a zero in its name, or half of a surrogate pair
        raise MenuFileError([f"{str(path)!a}: no file can have this name"]) from error
    return parse_menu_file(text, str(path))


def parse_menu_file(text: str, name: str) -> MenuFile:
    """Make sense of a menu file's text; `name` stands in the errors. Raises `MenuFileError`."""
    # Imported here, and so by a worker: many have no menu file, and SIP is not to wait for it.
    from hasip.calls.yaml_text import YamlError, YamlText  # noqa: PLC0415

    try:
        document = YamlText(text)
    except YamlError as error:
        raise MenuFileError([f"{name}:{error.line}: {error}"]) from error
    try:
        return _understood(document, name)
    finally:
        document.take_apart()


def _understood(document: YamlText, name: str) -> MenuFile:
    raw = {} if document.content is None else document.content

    def located(findings: Iterable[Finding]) -> tuple[str, ...]:
        lines = [(document.line_of(finding.place), str(finding)) for finding in findings]
        return tuple(f"{name}:{line}: {said}" for line, said in sorted(lines))

    try:
        spec = read(MenuFileSpec, raw)
        tree = SILENT if spec.menu is None else build_menu(spec.menu)
    except FindingsError as error:
        raise MenuFileError(located(error.findings)) from error
    if spec.allowed_numbers is not None and spec.blocked_numbers is not None:
        text = "is there beside allowed_numbers, so nobody is answered; remove one of them"
        raise MenuFileError(located([_at("blocked_numbers", text)]))
    repeated = tuple(
        f'{name}:{line}: the key "{key}" is there twice; the first one is ignored'
        for key, line in document.repeated_keys
    )
    return MenuFile(
        filter=NumberFilter(
            allowed=_patterns(spec.allowed_numbers), blocked=_patterns(spec.blocked_numbers)
        ),
        answer_after_s=spec.answer_after,
        webhooks=spec.webhook_to_call,
        tree=tree,
        warnings=(*repeated, *located([*_slips(spec), *tree.warnings])),
    )


def _slips(spec: MenuFileSpec) -> Iterator[Finding]:
    """Yield what means nothing, and so was perhaps meant otherwise."""
    for key in spec.unknown_keys:
        yield _at(key, unknown(key, keys_of(MenuFileSpec), "key"))
    for event in spec.webhook_to_call:
        if event not in CALL_EVENTS:
            text = unknown(event, CALL_EVENTS, "event")
            yield Finding(("webhook_to_call", event), text, "webhook_to_call")


def _at(key: str, text: str) -> Finding:
    return Finding((key,), text, key)


def _patterns(numbers: list[str] | None) -> NumberPatterns | None:
    return None if numbers is None else NumberPatterns(numbers)
