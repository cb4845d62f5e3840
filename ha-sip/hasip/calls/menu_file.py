"""Reads the file that says how an account treats incoming calls (`incoming_call_file`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hasip.calls.menu import SILENT, MenuTree, build_menu
from hasip.calls.screening import NumberFilter
from hasip.commands.fields import Seconds, Text, WebhookMap
from hasip.commands.menu_spec import MenuSpec
from hasip.commands.model import problems_of
from hasip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

# libyaml reads a menu of 10,000 choices in a tenth of the time.
_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class WrittenInt(int):
    """A whole number that remembers how it was written: `0123` is four digits, not octal 83."""

    written: str


class _Loader(_Base):  # type: ignore[misc]
    """Safe YAML in which keys are text as written, whatever they look like."""

    def construct_mapping(
        self, node: yaml.MappingNode, *, deep: bool = False
    ) -> dict[Hashable, object]:
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_written_int(self, node: yaml.ScalarNode) -> WrittenInt:
        number = WrittenInt(self.construct_yaml_int(node))
        number.written = node.value
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_written_int)


class MenuFileSpec(BaseModel):
    """The file, key by key as in the documentation."""

    model_config = ConfigDict(extra="allow", frozen=True)

    allowed_numbers: list[Text] | None = None
    blocked_numbers: list[Text] | None = None
    answer_after: Seconds = 0.0
    webhook_to_call: WebhookMap = {}
    menu: MenuSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuFile:
    """How an account treats the calls that come in."""

    filter: NumberFilter = field(default_factory=NumberFilter)
    answer_after_s: float = 0.0
    webhooks: Mapping[str, str] = field(default_factory=dict)
    tree: MenuTree = SILENT
    is_broken: bool = False  # it could not be read: nobody is answered by it
    warnings: tuple[str, ...] = ()


def read_menu_file(path: Path) -> MenuFile:
    """Read a menu file; raises `ConfigError` with the file, the place and what to write."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise ConfigError(msg) from error
    return parse_menu_file(text, str(path))


def parse_menu_file(text: str, name: str) -> MenuFile:
    """Make sense of a menu file's text; `name` stands in the errors."""
    try:
        raw = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
        spec = MenuFileSpec.model_validate(raw or {})
        tree = SILENT if spec.menu is None else build_menu(spec.menu)
    except (yaml.YAMLError, ValidationError, ConfigError, RecursionError, ValueError) as error:
        msg = f"{name}: {_reason(error)}"
        raise ConfigError(msg) from error
    if spec.allowed_numbers is not None and spec.blocked_numbers is not None:
        msg = f"{name}: allowed_numbers and blocked_numbers are both there; remove one of them"
        raise ConfigError(msg)
    unknown = tuple(f"unknown key {key!r}" for key in spec.model_extra or ())
    return MenuFile(
        filter=NumberFilter(
            allowed=_tuple(spec.allowed_numbers), blocked=_tuple(spec.blocked_numbers)
        ),
        answer_after_s=spec.answer_after,
        webhooks=spec.webhook_to_call,
        tree=tree,
        warnings=tuple(f"{name}: {warning}" for warning in (*unknown, *tree.warnings)),
    )


def _tuple(numbers: list[str] | None) -> tuple[str, ...] | None:
    return None if numbers is None else tuple(numbers)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(problems_of(error))
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error) or type(error).__name__
