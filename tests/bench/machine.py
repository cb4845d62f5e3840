"""What the figures were taken on."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from support.source_build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.builds import Build

_GIB = 1024 * 1024
_PACKAGES = ("requests", "websockets", "paho-mqtt", "PyYAML")
_PJSUA2 = (
    "import pjsua2\n"
    "from hasip.sip.build import room, tls_library\n"
    "print(pjsua2.Endpoint().libVersion().full, room() + str(tls_library()), sep=', ')"
)
# Of `about`: what must be the same where the figures of several runs are put together.
SAME = ("processor", "cores", "memory", "system", "Python", "packages", "commit")


def about(builds: Sequence[Build]) -> dict[str, str]:
    """Return machine, time and versions; of a build also how many calls and accounts it takes."""
    models = [
        line.partition(":")[2].strip()
        for line in _lines("/proc/cpuinfo")
        if line.startswith(("model name", "Model"))
    ]
    memory_kib = int(_lines("/proc/meminfo")[0].split()[1])
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(models) or 1),
        "memory": f"{memory_kib / _GIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{f"pjsua2 of the {build.name}": _said([build.python, "-c", _PJSUA2]) for build in builds},
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "commit": _said(["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _said(command: Sequence[str]) -> str:
    """Return the last line that a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip().rpartition("\n")[2]
