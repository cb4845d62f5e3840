"""What the running program may not do, whatever drives it."""

from __future__ import annotations

from pathlib import Path

from support.gateway import GatewayProcess


def test_neither_the_program_nor_what_it_starts_gets_new_rights(tmp_path: Path) -> None:
    for arguments in ((), ("--restart",)):
        with GatewayProcess(tmp_path, arguments=arguments) as gateway:
            children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text("ascii")
            pids = [gateway.pid, *map(int, children.split())]
            assert len(pids) == 1 + len(arguments)
            for pid in pids:
                status = Path(f"/proc/{pid}/status").read_text("utf-8")
                assert "NoNewPrivs:\t1" in status
