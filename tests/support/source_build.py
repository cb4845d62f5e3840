"""The interpreter whose pjsua2 was built from source: it has OpenSSL 3, Opus, and 256 calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BUILDS = ("source", "wheel")


def on_builds(*builds: str) -> pytest.MarkDecorator:
    """Return a mark: the test runs on these, in place of the source build alone.

    The fixture `build` says which it is, to the fixtures of a file as well.
    """
    return pytest.mark.parametrize("build", builds, indirect=True, scope="module")


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
