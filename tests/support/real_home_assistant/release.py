"""Which Home Assistants the tests run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "home_assistant_config"


@dataclass(frozen=True, slots=True)
class Release:
    """A version of Home Assistant, and the Python it wants."""

    version: str
    python: str  # the name of the program
    least_python: tuple[int, int, int]
    suite: str  # of Debian, where that Python can be had if this machine has none

    @property
    def requirements(self) -> Path:
        """Return the file that pins every package."""
        return CONFIG / f"requirements-{self.version}.txt"


# The oldest that people still run, on the Python of Debian 12; and the newest.
OLDER = Release("2024.3.3", "python3.11", (3, 11, 0), "bookworm")
CURRENT = Release("2026.11.0", "python3.14", (3, 14, 2), "forky")
RELEASES = (OLDER, CURRENT)
