"""Menu files whose disk hangs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hasip.calls.menu_files import PATIENCE_S, MenuFiles
from hasip.loop import Loop
from hasip.seldom import QUIET_S
from hasip.workers import WorkerPool
from support.fake_clock import FakeClock
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from hasip.calls.menu_file import MenuFile

LATE = "cannot be read in time"


def test_a_disk_that_hangs_during_many_calls_is_told_once_and_then_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "menu.yaml"
    path.write_text("menu: {}", encoding="utf-8")
    clock = FakeClock()
    loop = Loop(clock)
    pool = WorkerPool("menu-files", loop, threads=1, waiting=500)
    files = MenuFiles(loop, pool)
    files.expect(1, path)
    wait_until(lambda: loop.run_pending() or not pool.unfinished, "the first reading")
    hangs = threading.Event()
    pool.submit(hangs.wait, lambda _: None)
    got: list[MenuFile] = []
    for _ in range(300):
        files.get(1, got.append)
    clock.advance(PATIENCE_S)
    loop.run_pending()

    assert len(got) == 300
    assert not any(file.is_broken for file in got)
    assert caplog.text.count(LATE) == 1
    clock.advance(QUIET_S)
    loop.run_pending()
    assert "could not be read for 299 more calls" in caplog.text
    files.get(1, got.append)
    clock.advance(PATIENCE_S)
    loop.run_pending()
    assert caplog.text.count(LATE) == 2, "it still hangs, and that is said again"
    hangs.set()
    wait_until(lambda: loop.run_pending() or not pool.unfinished, "the readings")
    assert loop._collector._put_off_by == 0, "garbage is collected again"
