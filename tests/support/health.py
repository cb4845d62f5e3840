"""The health check of a container."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.gateway import PACKAGE_DIR

if TYPE_CHECKING:
    from pathlib import Path


def health(path: Path) -> tuple[int, str]:
    """Ask as a container's health check does; returns exit code and answer."""
    done = subprocess.run(
        [sys.executable, "-m", "hasip", "--healthcheck"],
        env={"PYTHONPATH": str(PACKAGE_DIR), "HASIP_HEALTH_SOCKET": str(path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout.strip()
