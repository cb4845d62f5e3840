"""The examples of the user's document, word for word (`tests/seed_examples/`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "seed_examples"


def text_of(name: str) -> str:
    """Return an example as it is written."""
    (path,) = FOLDER.glob(f"{name}.*")
    return path.read_text(encoding="utf-8")


def example(name: str) -> Any:
    """Return what an example says."""
    text = text_of(name)
    return json.loads(text) if (FOLDER / f"{name}.json").exists() else yaml.safe_load(text)


def command(name: str) -> dict[str, Any]:
    """Return the command that Home Assistant writes to our stdin for an example."""
    given: dict[str, Any] = example(name)["data"]["input"]
    return given


def commands() -> list[str]:
    """Return the names of all examples that hold a command."""
    paths = sorted(FOLDER.glob("*.yaml"))
    return [path.stem for path in paths if "hassio.addon_stdin" in path.read_text("utf-8")]
