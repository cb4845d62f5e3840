"""Reads the blueprints of `blueprints/`, and renders their templates without Home Assistant."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parents[2] / "blueprints" / "automation" / "ha-sip"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@dataclass(frozen=True, slots=True)
class Input:
    """An `!input` in a blueprint."""

    name: str


class _Loader(yaml.SafeLoader):
    """Knows `!input`."""


_Loader.add_constructor("!input", lambda _, node: Input(str(node.value)))


def read(name: str) -> dict[str, Any]:
    """Return what a blueprint says, with an `Input` for every `!input`."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, _Loader)  # a safe loader
    return content


def body_of(blueprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the automation in it."""
    return {key: value for key, value in blueprint.items() if key != "blueprint"}


def walk(value: Any) -> Iterator[Any]:
    """Yield a value, and all that is in it."""
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inside:
        yield from walk(part)


def steps_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield everything in it that has keys."""
    return (part for part in walk(value) if isinstance(part, dict))


def filled(value: Any, inputs: Mapping[str, Any]) -> Any:
    """Return a part of a blueprint with these inputs."""
    match value:
        case Input(name):
            return inputs[name]
        case dict():
            return {key: filled(part, inputs) for key, part in value.items()}
        case list():
            return [filled(part, inputs) for part in value]
        case _:
            return value


def rendered(template: Any, variables: Mapping[str, Any]) -> Any:
    """Render a template as Home Assistant does: text that looks like Python data becomes data."""
    if not isinstance(template, str) or "{" not in template:
        return template
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["to_json"] = json.dumps
    text = environment.from_string(template).render(**variables).strip()
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def variables_of(automation: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all variables that an automation sets, the first that are set first."""
    known = dict(given)
    for part in steps_of(dict(automation)):
        for name, template in part.get("variables", {}).items():
            known[name] = rendered(template, known)
    return known
