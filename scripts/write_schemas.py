"""Writes the JSON schemas of menu files and commands, for completion in editors.

Usage: write_schemas.py [FOLDER]; without a folder into ha-sip/schema/.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hasip.calls.menu_file import MenuFileSpec
from hasip.commands.model import COMMAND_ADAPTER

FOLDER = Path(__file__).parents[1] / "ha-sip" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def tidied(schema: Any, *, is_names: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema without pydantic's own titles, and closed: an editor shows slips.

    The program itself takes unknown keys with a warning. `is_names`: the keys are names of fields.
    """
    if isinstance(schema, list):
        return [tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    neat = {
        key: tidied(value, is_names=key in ("properties", "$defs") and not is_names)
        for key, value in schema.items()
        if is_names or key not in ("title", "discriminator")
    }
    if not is_names and "properties" in neat:
        neat["additionalProperties"] = False
    return neat


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by the name of its file."""
    return {
        "menu_file.json": {
            "title": "incoming_call_file of ha-sip",
            **tidied(MenuFileSpec.model_json_schema()),
        },
        "command.json": {"title": "command of ha-sip", **tidied(COMMAND_ADAPTER.json_schema())},
    }


def main(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
