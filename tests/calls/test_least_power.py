"""What the running program may not do, whatever drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gateway import GatewayProcess
from support.process import children, status_of

if TYPE_CHECKING:
    from pathlib import Path


def test_neither_the_program_nor_what_it_starts_gets_new_rights(tmp_path: Path) -> None:
    for arguments in ((), ("--restart",)):
        with GatewayProcess(tmp_path, arguments=arguments) as gateway:
            pids = [gateway.pid, *children(gateway.pid)]
            assert len(pids) == 1 + len(arguments)
            for pid in pids:
                assert "NoNewPrivs:\t1" in status_of(pid)
