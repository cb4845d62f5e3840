"""How long the question for health takes that a container asks every few seconds."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from support.gateway import PACKAGE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.figure import Figure
    from bench.workshop import Workshop

CHECKS = 20


def healthcheck(shop: Workshop) -> Iterator[Figure]:
    """From the start of `--healthcheck` to its end."""
    path = str(shop.folder / "health.sock")
    question = [shop.build.python, "-m", "hasip", "--healthcheck"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_DIR), "HASIP_HEALTH_SOCKET": path}
    count = shop.less(CHECKS)
    with shop.gateway(HASIP_HEALTH_SOCKET=path):
        took_ms = [_run_ms(question, environment) for _ in range(count)]
    ours = shop.figure("--healthcheck, from its start to its end", "ms", took_ms)
    yield ours
    nothing = [shop.build.python, "-c", "pass"]
    theirs = [_run_ms(nothing, environment) for _ in range(count)]
    yield shop.beside(ours, "a Python that does nothing", "ms", theirs)


def _run_ms(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=20)
    return 1000 * (time.monotonic() - began)
