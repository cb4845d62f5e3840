"""What is kept in the repository: sources only."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_virtual_environment_is_committed() -> None:
    """Thousands of files in one commit stay in the history for ever."""
    if not (ROOT / ".git").exists():  # an unpacked archive
        return
    done = subprocess.run(
        ["git", "ls-files", ".venv*"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not done.stdout, (
        f"{len(done.stdout.split())} files of a virtual environment are committed"
    )
