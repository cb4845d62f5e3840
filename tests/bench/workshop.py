"""What a measurement works with: a build of pjsua2, a folder, and how thorough it is to be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.bare import BareProgram
from bench.figure import CannotMeasureError, Figure, Unmeasured, figure
from support.gateway import GatewayProcess
from support.source_build import PROJECT, python_of, source_python

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
# What users have where they set nothing.
LOG_LEVEL = "5"


@dataclass(frozen=True, slots=True)
class Build:
    """An interpreter with pjsua2, and what that was made from."""

    name: str  # wheel or source
    python: str

    @property
    def most_calls(self) -> int:
        """Return how many calls at once it takes."""
        return 4 if self.name == "wheel" else 200

    @property
    def most_accounts(self) -> int:
        """Return how many accounts it takes."""
        return 8 if self.name == "wheel" else 32


def builds(wanted: str) -> tuple[list[Build], list[Unmeasured]]:
    """Return the builds that `--build` asks for, and why others of them are not there."""
    found, missing = [], []
    for name in ("wheel", "source"):
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


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where one measurement is taken."""

    build: Build
    folder: Path
    is_quick: bool

    def few_or(self, many: int) -> int:
        """Return how often to measure: a quick run is content with a quarter."""
        return max(2, many // 4) if self.is_quick else many

    def gateway(self, **how: Any) -> GatewayProcess:
        """Return the gateway on this build."""
        return GatewayProcess(
            self.folder, python=self.build.python, **{"LOG_LEVEL": LOG_LEVEL, **how}
        )

    def bare(self, http_port: int = 0, modules: Sequence[str] = ()) -> BareProgram:
        """Return the program that is nothing but pjsua2, on the same build."""
        return BareProgram(self.build.python, http_port, modules)

    def figure(self, key: str, unit: str, values: Sequence[float]) -> Figure:
        """Sum up what was measured."""
        return figure(key, self.build.name, unit, values)

    def beside(self, ours: Figure, key: str, unit: str, values: Sequence[float]) -> Figure:
        """Sum up what a peer took for the same work, for which the ratio is printed."""
        return self.figure(f"  {key}", unit, values).beside(ours)

    def need_room(self, calls: int) -> None:
        """Raise `CannotMeasureError` where the build has no room for so many calls."""
        if self.build.most_calls < calls:
            msg = f"takes {calls} calls, and it has room for {self.build.most_calls}"
            raise CannotMeasureError(msg)

    def need_accounts(self, accounts: int) -> None:
        """Do the same for accounts."""
        if self.build.most_accounts < accounts:
            msg = f"takes {accounts} accounts, and it has room for {self.build.most_accounts}"
            raise CannotMeasureError(msg)

    def compile(self, name: str, *libraries: str) -> Path:
        """Compile a program in C that stands beside this module."""
        program = self.folder / name
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
