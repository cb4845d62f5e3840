"""The table in `tests/README.md` is true."""

from __future__ import annotations

import re
from pathlib import Path

from support import seed

TESTS = Path(__file__).parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "::" in line
]


def test_every_test_that_is_named_exists() -> None:
    named = [name for row in ROWS for name in re.findall(r"`([^`]*::[^`]*)`", row[1])]
    assert len(named) > 100
    for name in named:
        file, _, function = name.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8")
        assert f"\ndef {function}(" in text, name


def test_no_row_is_empty_and_every_example_has_one() -> None:
    text = (TESTS / "README.md").read_text(encoding="utf-8")
    assert all(row[0] and row[1] for row in ROWS)
    assert not re.search(r"\|\s*\|\s*$", text, re.MULTILINE)
    assert {f"`{path.stem}`" for path in seed.FOLDER.iterdir()} <= {row[0] for row in ROWS}
