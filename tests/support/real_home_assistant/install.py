"""Installs a Home Assistant into the cache: once, with everything pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from support.real_home_assistant.cache import CACHE, locked
from support.real_home_assistant.python import find_python
from support.require import MissingError

if TYPE_CHECKING:
    from support.real_home_assistant.release import Release

UV = Path(sys.executable).parent / "uv"
INSTALL_TIMEOUT_S = 900.0
FORGET_AFTER_S = 21 * 86_400.0


def install(release: Release) -> Path:
    """Return the Python of a virtual environment with a release in it.

    What was pinned otherwise is another environment: nobody takes it away from a test that runs.
    """
    with locked(f"home-assistant-{release.version}"):
        base = find_python(release)
        wanted = hashlib.sha256(release.requirements.read_bytes() + bytes(base)).hexdigest()[:8]
        folder = CACHE / f"home-assistant-{release.version}-{wanted}"
        python, stamp = folder / "bin" / "python", folder / "installed"
        if not stamp.exists():
            run_uv("venv", "--clear", "--python", str(base), str(folder), base=base)
            # Nothing is resolved: the file names everything. And nothing will be compiled to
            # bytecode while Home Assistant starts.
            arguments = ("--no-deps", "--compile-bytecode", "-r", str(release.requirements))
            run_uv("pip", "install", "--python", str(python), *arguments, base=base)
        stamp.touch()
        _forget_others(folder, release)
    return python


def _forget_others(folder: Path, release: Release) -> None:
    """Remove what nobody used for weeks."""
    for stamp in CACHE.glob(f"home-assistant-{release.version}-*/installed"):
        if stamp.parent != folder and time.time() - stamp.stat().st_mtime > FORGET_AFTER_S:
            shutil.rmtree(stamp.parent, ignore_errors=True)


def run_uv(*arguments: str, base: Path) -> str:
    """Run uv for an environment on the Python `base`; returns what it prints."""
    try:
        return subprocess.run(
            [str(UV), *arguments],
            # Headers of an unpacked Python are not where the compiler looks.
            env={**os.environ, "CPATH": str(base.parents[1] / "include")},
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
        ).stdout
    except FileNotFoundError as error:
        msg = f"{UV} is not there; run ./build.sh create-venv"
        raise MissingError(msg) from error
    except subprocess.CalledProcessError as error:
        msg = f"uv {arguments[0]} failed: {error.stderr[-2000:].strip()}"
        raise MissingError(msg) from error
