"""The interpreter whose pjsua2 was built from source: it has OpenSSL 3, Opus, and 256 calls."""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def python_of(build: str) -> str:
    """Return the interpreter of a build: `source`, or any other name for the one that runs."""
    return source_python() if build == "source" else sys.executable


def source_python() -> str:
    """Return the interpreter; raises AssertionError where there is none."""
    if (Path(sys.prefix) / ".pjsua2-from-source").exists():
        return sys.executable
    python = PROJECT / ".venv-source/bin/python"
    assert python.exists(), f"{python} is missing; ./build.sh test makes it"
    return str(python)
