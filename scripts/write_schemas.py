"""Writes the JSON schemas of menu files and commands, for completion in editors.

Usage: write_schemas.py [FOLDER]; without a folder into ha-sip/schema/.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hasip.calls.menu_file import MenuFileSpec
from hasip.commands.marks import Between, ByWord, Characters, ForEditors
from hasip.commands.model import AnyCommand
from hasip.commands.reading import Entry, entries, marks_of

FOLDER = Path(__file__).parents[1] / "ha-sip" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


class Definitions:
    """The classes that a schema speaks of, by their names."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def schema(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the schema of what may be written for a kind."""
        bare, marks = marks_of(kind)
        for_editors = [mark for mark in marks if isinstance(mark, ForEditors)]
        told = next((mark.kind for mark in for_editors if mark.kind is not None), bare)
        if any(isinstance(mark, ByWord) for mark in marks):
            return {"oneOf": [self._defined(one) for one in get_args(bare)]}
        schema = self._bare(told)
        for mark in for_editors:
            schema |= mark.more or {}
        for mark in marks:
            schema |= _limits(mark)
        return dict(sorted(schema.items()))

    def _bare(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401
        origin, arguments = get_origin(kind), get_args(kind)
        if kind is Any:
            return {}
        if kind in SCALARS:
            return {"type": SCALARS[kind]}
        if origin is Literal:
            return {"const": arguments[0], "type": "string"}
        if origin in (Union, UnionType):
            alternatives: list[Any] = []
            for one in map(self.schema, arguments):
                alternatives += one["anyOf"] if one.keys() == {"anyOf"} else [one]
            return {"anyOf": alternatives}
        if origin is list:
            return {"items": self.schema(arguments[0]), "type": "array"}
        if origin is dict:
            value = True if arguments[1] is Any else self.schema(arguments[1])
            return {"additionalProperties": value, "type": "object"}
        return self._defined(kind)

    def _defined(self, kind: type) -> dict[str, Any]:
        name = kind.__name__
        if name not in self.found:
            self.found[name] = {}  # until it is known: a menu has menus in it
            self.found[name] = self.definition(kind)
        return {"$ref": f"#/$defs/{name}"}

    def definition(self, kind: type) -> dict[str, Any]:
        """Return what stands under the name of a class."""
        description = {"description": inspect.getdoc(kind)}
        if issubclass(kind, StrEnum):
            return {**description, "enum": [word.value for word in kind], "type": "string"}
        sentences = _sentences(kind)
        properties = {
            entry.key: self._property(entry, sentences.get(entry.field.name))
            for entry in entries(kind)
        }
        required = [entry.key for entry in entries(kind) if entry.is_required]
        return {
            "additionalProperties": False,  # an editor shows slips; we only warn of them
            **description,
            "properties": properties,
            **({"required": required} if required else {}),
            "type": "object",
        }

    def _property(self, entry: Entry, sentence: str | None) -> dict[str, Any]:
        schema = self.schema(entry.kind)
        if not entry.is_required and not callable(entry.field.default_factory):
            schema["default"] = entry.field.default
        if sentence is not None:
            schema["description"] = sentence
        return dict(sorted(schema.items()))


def _limits(mark: object) -> dict[str, Any]:
    if isinstance(mark, Between):
        limits = {"maximum": mark.high, "minimum": mark.low}
    elif isinstance(mark, Characters):
        limits = {
            "maxLength": mark.most,
            "minLength": mark.fewest or None,
            # Editors don't trim.
            "pattern": f"^{mark.pattern}$" if mark.pattern and not mark.is_trimmed else None,
        }
    else:
        return {}
    return {key: value for key, value in limits.items() if value is not None}


def _sentences(kind: type) -> dict[str, str]:
    """Return what stands under each field of a class in its source."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__[:-1]):
        body: list[ast.stmt] = ast.parse(inspect.getsource(one)).body[0].body  # type: ignore[attr-defined]
        for field, below in pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by the name of its file."""
    menu_file, command = Definitions(), Definitions()
    about_files = menu_file.definition(MenuFileSpec)
    about_commands = command.schema(AnyCommand)
    return {
        "menu_file.json": {
            "title": "incoming_call_file of ha-sip",
            "$defs": dict(sorted(menu_file.found.items())),
            **about_files,
        },
        "command.json": {
            "title": "command of ha-sip",
            "$defs": dict(sorted(command.found.items())),
            **about_commands,
        },
    }


def main(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
