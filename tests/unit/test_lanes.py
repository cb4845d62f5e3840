"""Two processes run the tests beside each other, and keep out of each other's way."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.lane import Lane
from support.waiting import PATIENCE_S, wait_until

TESTS = Path(__file__).parents[1]
CONFTEST = (TESTS / "conftest.py").read_text(encoding="utf-8")
PASSES = "def test_passes() -> None: pass\n"
FAILS = "def test_fails() -> None: raise AssertionError('it fails')\n"
WAITS = """import pathlib, subprocess, sys, time
from support.server import Server
def test_waits() -> None:
    here = pathlib.Path(__file__).parent
    child = subprocess.Popen(["sleep", "600"])
    server = Server(["sleep", "600"], 0, here / "log")
    server._listens = lambda: True
    server.start()
    (here / "pids").write_text(f"{child.pid} {server.pid}")
    try:
        (here / "begun").touch()
        time.sleep(60)
    finally:
        (here / "ended").touch()
"""


def start(folder: Path, *texts: str) -> subprocess.Popen[str]:
    """Run these tests, one to a lane."""
    folders = []
    for number, text in enumerate(texts):
        folders.append(folder / str(number))
        folders[-1].mkdir()
        (folders[-1] / f"test_{number}.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, TESTS / "lanes.py", *folders],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    ("texts", "code", "says"),
    [
        ((PASSES, PASSES), 0, "2 passed in"),
        ((PASSES, FAILS), 1, "1 passed, 1 failed; exit codes 0, 1 in"),
        ((PASSES, ""), 1, "1 passed; exit codes 0, 5 in"),
    ],
)
def test_all_is_well_if_both_lanes_are(
    tmp_path: Path, texts: tuple[str, ...], code: int, says: str
) -> None:
    run = start(tmp_path, *texts)
    said = run.communicate(timeout=PATIENCE_S)[0]

    assert run.returncode == code, said
    assert says in said.splitlines()[-1]
    assert ("it fails" in said) == (FAILS in texts)


def test_a_signal_ends_both_and_they_clear_up(tmp_path: Path) -> None:
    run = start(tmp_path, WAITS, WAITS)
    wait_until(lambda: len(list(tmp_path.glob("*/begun"))) == 2, "both run")
    run.send_signal(signal.SIGTERM)
    said = run.communicate(timeout=PATIENCE_S)[0]

    assert run.returncode == 1
    assert "exit codes 2, 2 in" in said
    assert len(list(tmp_path.glob("*/ended"))) == 2
    for pids in tmp_path.glob("*/pids"):
        wait_until(lambda: not any(map(is_there, pids.read_text().split())), "all ended")  # noqa: B023


def is_there(pid: str) -> bool:
    """Tell whether a process runs; whose parent is gone may take a moment to be forgotten."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
            != "Z"
        )
    except FileNotFoundError:
        return False


def test_who_is_alone_waits_for_the_others_and_they_for_him(tmp_path: Path) -> None:
    one, other = Lane(tmp_path, 0), Lane(tmp_path, 1)
    order: list[str] = []

    def run(lane: Lane, name: str, *, alone: bool) -> threading.Thread:
        def enter() -> None:
            with lane.turn(alone=alone):
                order.append(name)

        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        return thread

    with one.turn(alone=False):
        with other.turn(alone=False):
            order.append("both at once")
        alone = run(other, "alone", alone=True)
        wait_until(lambda: is_locked(tmp_path / "gate"), "it waits at the door")
        late = run(one, "the one after", alone=False)
        order.append("the one before")
    for thread in (alone, late):
        thread.join(PATIENCE_S)

    assert order == ["both at once", "the one before", "alone", "the one after"]


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_each_has_ports_of_its_own(tmp_path: Path) -> None:
    ports = range(10_000, 20_000)
    parts = [set(Lane(tmp_path, number).part_of(ports)) for number in (0, 1)]

    assert parts[0] | parts[1] == set(ports)
    assert not parts[0] & parts[1]
