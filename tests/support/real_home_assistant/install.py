"""Installs a Home Assistant into the cache: once, with everything pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.real_home_assistant.cache import CACHE, MissingError, locked
from support.real_home_assistant.python import find_python

if TYPE_CHECKING:
    from support.real_home_assistant.release import Release

UV = Path(sys.executable).parent / "uv"
INSTALL_TIMEOUT_S = 900.0


def install(release: Release) -> Path:
    """Return the Python of a virtual environment with a release in it."""
    with locked(f"home-assistant-{release.version}"):
        base = find_python(release)
        folder = CACHE / f"home-assistant-{release.version}"
        python, stamp = folder / "bin" / "python", folder / "installed"
        wanted = hashlib.sha256(release.requirements.read_bytes() + bytes(base)).hexdigest()
        if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            run_uv("venv", "--python", str(base), str(folder), base=base)
            # Nothing is resolved: the file names everything. And nothing will be compiled to
            # bytecode while Home Assistant starts.
            arguments = ("--no-deps", "--compile-bytecode", "-r", str(release.requirements))
            run_uv("pip", "install", "--python", str(python), *arguments, base=base)
            stamp.write_text(wanted, encoding="ascii")
    return python


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
