"""What the small parent of `--restart` holds."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Self

from bench.idle import MEMORY_STARTS, SETTLED_AFTER_S
from support.home_assistant import StandInHomeAssistant
from support.process import children, proportional_mib, resident_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figure import Figure
    from bench.workshop import Workshop


def keeper(shop: Workshop) -> Iterator[Figure]:
    """Take what the parent holds, and both together."""
    resident, proportional, both = [], [], []
    with StandInHomeAssistant() as house:
        for _ in range(shop.less(MEMORY_STARTS)):
            with shop.gateway(house=house, arguments=["--restart"]) as gateway:
                time.sleep(SETTLED_AFTER_S)
                (child,) = children(gateway.pid)
                resident.append(resident_mib(gateway.pid) - resident_mib(child))
                both.append(proportional_mib(gateway.pid))
                proportional.append(both[-1] - proportional_mib(child))
    ours = shop.figure("parent of --restart (RSS)", "MiB", resident)
    yield ours
    with _Idler(shop.build.python) as idler:
        yield shop.beside(ours, "RSS of a Python that waits", "MiB", [resident_mib(idler.pid)])
    yield shop.figure("parent of --restart (PSS)", "MiB", proportional)
    yield shop.figure("it and the gateway with Home Assistant (PSS)", "MiB", both)


class _Idler(subprocess.Popen[bytes]):
    """A Python that does nothing but wait."""

    def __init__(self, python: str) -> None:
        program = "import sys; print(flush=True); sys.stdin.read()"
        super().__init__([python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        """Wait until it is up."""
        assert self.stdout is not None
        self.stdout.readline()
        return super().__enter__()
