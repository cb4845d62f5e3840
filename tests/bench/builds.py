"""The builds of pjsua2, and programs in C that use one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.bars import BUILDS
from bench.figure import CannotMeasureError, Unmeasured
from support.source_build import PROJECT, python_of, source_python

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Build:
    """An interpreter with pjsua2, and what that was made from."""

    name: str  # wheel or source
    python: str

    @property
    def is_shipped(self) -> bool:
        """Tell whether it is the one in the container; pjsip's C libraries are beside it."""
        return self.name == "source"

    @property
    def most_calls(self) -> int:
        """Return how many calls at once are tried; the source build has room for a few more."""
        return 200 if self.is_shipped else 4


def builds(wanted: str) -> tuple[list[Build], list[Unmeasured]]:
    """Return the builds that `--build` asks for, and why others of them are not there."""
    found, missing = [], []
    for name in BUILDS:
        if wanted in (name, "both"):
            try:
                found.append(Build(name, _python_with(name)))
            except CannotMeasureError as error:
                missing.append(Unmeasured("everything", name, str(error), is_failure=False))
    return found, missing


def _python_with(build: str) -> str:
    """Return the interpreter of a build; raises `CannotMeasureError`."""
    if build == "wheel" and (Path(sys.prefix) / ".pjsua2-from-source").exists():
        msg = f"the pjsua2 of {sys.prefix} was built from source"
        raise CannotMeasureError(msg)
    try:
        return python_of(build)
    except AssertionError as error:
        raise CannotMeasureError(str(error)) from error


def compiled(name: str, folder: Path, *libraries: str) -> Path:
    """Compile a program in C that stands beside this module, unless it is in the folder."""
    program = folder / name
    if not program.exists():
        command = ["gcc", "-O2", "-o", str(program), str(HERE / f"{name}.c"), *libraries]
        subprocess.run(command, check=True, timeout=60)
    return program


def pjproject_flags() -> list[str]:
    """Return what to compile a program with that uses the pjproject of the source build."""
    installed = Path(source_python()).parents[1] / "pjproject"
    assert installed.exists(), f"{installed} is missing; {PROJECT}/build.sh bench makes it"
    command = ["pkg-config", "--define-variable", f"prefix={installed}", "--cflags", "--libs"]
    environment = {"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(installed / "lib/pkgconfig")}
    done = subprocess.run(
        [*command, "--static", "libpjproject"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.stdout.split()
