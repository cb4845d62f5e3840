"""Runs the console command as users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.gateway import PACKAGE_DIR

if TYPE_CHECKING:
    from pathlib import Path


def ha_sip(
    folder: Path, *arguments: str, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, with that interpreter, until it ends by itself."""
    return subprocess.run(
        [python, "-m", "hasip", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE_DIR), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
