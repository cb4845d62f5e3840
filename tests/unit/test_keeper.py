"""The parent of `--restart`, with a child that hangs before it has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.waiting import PATIENCE_S

PACKAGE_DIR = Path(__file__).parents[2] / "ha-sip"
# In the child, `keep_running` returns None.
PROGRAM = """
import os, sys, time
from hasip.watch import keeper
from hasip.watch.starting import tell_started
keeper.ASK_EVERY_S, keeper.START_WITHIN_S = 0.1, 3
code = keeper.keep_running()
if code is None:
    {child}
sys.exit(code)
"""
HANGS_ONCE = "time.sleep(0 if os.path.exists('second') else open('second', 'w').close() or 600)"


def run_under_parent(folder: Path, child: str) -> tuple[int, str]:
    """Return exit code and log of the parent."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(child=child)],
        env={"PYTHONPATH": str(PACKAGE_DIR), "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_start_that_hangs_is_killed_and_tried_again(tmp_path: Path) -> None:
    code, log = run_under_parent(tmp_path, f"{HANGS_ONCE}; tell_started(); sys.exit(0)")

    assert code == 0
    assert "ha-sip hangs (it has not started within 3 s); it is killed" in log
    assert log.count("ha-sip ended (signal 9); it starts again in 1 s") == 1


def test_a_gateway_that_cannot_make_its_socket_is_left_alone(tmp_path: Path) -> None:
    assert run_under_parent(tmp_path, "tell_started(); time.sleep(4); sys.exit(0)") == (0, "")
