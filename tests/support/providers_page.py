"""What docs/providers.md has to copy."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
_BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    """Return the text of every provider, by its name."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lines_of(name: str) -> dict[str, str]:
    """Return a provider's lines: those for `.env` as `sh`, those for the app as `yaml`."""
    return dict(_BLOCK.findall(sections()[name]))
