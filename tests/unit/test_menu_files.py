"""Menu files that are read while calls come in, and those whose disk hangs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hasip.calls import menu_files as module
from hasip.calls.menu_file import MenuFile, read_menu_file
from hasip.calls.menu_files import PATIENCE_S, READING_TAKES_S, MenuFiles
from hasip.calls.seldom import QUIET_S
from hasip.loop import Loop
from hasip.workers import WorkerPool
from support.fake_clock import FakeClock
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

LATE = "cannot be read in time"
NOT_YET = "has not been read yet"
SLIP = "menu:\n  mesage: Hi\n"


class Shelf:
    """Menu files on a disk that may be made to hang, at a clock that stands still."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.loop = Loop(self.clock)
        self._pool = WorkerPool("menu-files", self.loop, threads=4, waiting=500)
        self.files = MenuFiles(self.loop, self._pool)
        self.got: list[MenuFile] = []
        self.readings = 0
        self._turns = threading.Event()
        self._turns.set()
        monkeypatch.setattr(module, "read_menu_file", self._read)

    def write(self, text: str, account: int = 1) -> Path:
        """Write an account's file, anew."""
        path = self.folder / f"menu-{account}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def expect(self, text: str, account: int = 1) -> None:
        """Have an account's file watched."""
        self.files.expect(account, self.write(text, account))

    def call(self, account: int = 1, times: int = 1) -> None:
        """Have calls come in."""
        for _ in range(times):
            self.files.get(account, self.got.append)

    def hang(self) -> None:
        """Have readings hang that begin from now on."""
        self._turns.clear()

    def turn(self) -> None:
        """Let them go on."""
        self._turns.set()

    def wait_begun(self, readings: int) -> None:
        """Wait until so many readings have begun."""
        wait_until(lambda: self.readings == readings, f"{readings} readings")

    def settle(self) -> None:
        """Let all that was begun come to its end."""
        wait_until(lambda: self.loop.run_pending() or not self._pool.unfinished, "the readings")
        self.loop.run_pending()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.loop.run_pending()

    def _read(self, path: Path) -> MenuFile:
        self.readings += 1
        file = read_menu_file(path)
        assert self._turns.wait(60)
        return file


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path, monkeypatch)


def test_calls_that_come_while_a_file_is_read_share_one_reading_and_its_warnings(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.hang()
    shelf.expect(SLIP)
    shelf.wait_begun(1)
    shelf.call(times=50)
    shelf.turn()
    shelf.settle()
    assert (len(shelf.got), shelf.readings) == (50, 1)
    assert caplog.text.count("did you mean") == 1

    shelf.hang()
    shelf.write(f"answer_after: 2\n{SLIP}")
    shelf.call(times=50)
    shelf.wait_begun(2)
    shelf.call(times=50)
    shelf.turn()
    shelf.settle()
    assert (len(shelf.got), shelf.readings) == (150, 2)
    assert [file.answer_after_s for file in shelf.got] == [0.0] * 50 + [2.0] * 100
    assert caplog.text.count("did you mean") == 2


def test_a_call_gets_what_the_file_says_when_it_comes_though_an_older_reading_is_slow(
    shelf: Shelf,
) -> None:
    shelf.hang()
    shelf.expect("answer_after: 1")
    shelf.wait_begun(1)
    shelf.write("answer_after: 22")
    shelf.call()
    shelf.turn()
    shelf.settle()
    shelf.call()
    shelf.settle()

    assert [file.answer_after_s for file in shelf.got] == [22.0, 22.0]
    assert shelf.readings == 2


def test_each_call_has_a_step_of_the_loop_and_one_that_fails_harms_no_other(shelf: Shelf) -> None:
    shelf.expect("")
    shelf.settle()
    shelf.files.get(1, lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    shelf.call()
    shelf.settle()

    assert len(shelf.got) == 1


def test_a_disk_that_hangs_during_many_calls_is_told_once_and_then_counted(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.expect("menu: {}")
    shelf.settle()
    shelf.hang()
    shelf.write("menu: {id: new}")
    shelf.call(times=300)
    shelf.wait(PATIENCE_S)

    assert len(shelf.got) == 300
    assert not any(file.is_broken for file in shelf.got)
    assert caplog.text.count(LATE) == 1
    shelf.wait(QUIET_S)
    assert "Account 1: within 10 s its file could not be read for 299 more calls" in caplog.text
    shelf.call()
    shelf.wait(PATIENCE_S)
    assert caplog.text.count(LATE) == 2, "it still hangs, and that is said again"
    shelf.turn()
    shelf.settle()
    assert len(shelf.got) == 301, "nobody is served twice"
    assert shelf.loop._collector._put_off_by == 0, "garbage is collected again"


def test_after_a_start_a_call_waits_longer_and_then_its_account_only_listens(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.hang()
    shelf.expect("", account=1)
    shelf.expect("", account=2)
    shelf.wait_begun(2)
    shelf.call(account=1)
    shelf.call(account=2)
    shelf.wait(READING_TAKES_S - 0.1)
    assert (shelf.got, caplog.text) == ([], "")

    shelf.wait(0.1)
    assert [file.is_broken for file in shelf.got] == [True, True]
    for account in (1, 2):
        said = f"Account {account} only listens for this call: {shelf.folder / 'menu'}-{account}"
        assert said in caplog.text
    assert caplog.text.count(NOT_YET) == 2
    shelf.turn()
    shelf.settle()
    shelf.call()
    shelf.settle()
    assert not shelf.got[-1].is_broken
