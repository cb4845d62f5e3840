"""Commands from a pipe: every line is handed on, and who asks learns whether that still happens."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

from hasip.commands.stdin import StdinReader
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

SOON_S = 0.2


class Pipe:
    """What a reader reads from, and all that it hands on."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._output, self._input = os.pipe()
        self.reader = StdinReader(self._take, self._output)

    def __enter__(self) -> Self:
        """Begin to read."""
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the input."""
        self.may_go_on.set()
        self.end()

    def write(self, data: bytes) -> None:
        os.write(self._input, data)

    def end(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def _take(self, line: bytes) -> None:
        self.may_go_on.wait(PATIENCE_S)
        self.lines.append(line)


def test_a_reader_is_well_while_nothing_comes_and_while_much_comes() -> None:
    with Pipe() as pipe:
        assert pipe.reader.ask()(PATIENCE_S)
        for number in range(100):
            pipe.write(f"{number}\n".encode() * 50)
            assert pipe.reader.ask()(PATIENCE_S)
        wait_until(lambda: len(pipe.lines) == 5_000, "all lines")


def test_a_reader_whose_command_hangs_is_not_well_until_it_goes_on() -> None:
    with Pipe() as pipe:
        pipe.may_go_on.clear()
        pipe.write(b"one\ntwo\n")
        wait_until(lambda: not pipe.reader.ask()(SOON_S), "it hangs")
        assert not pipe.reader.ask()(SOON_S)
        pipe.may_go_on.set()
        assert pipe.reader.ask()(PATIENCE_S)
        wait_until(lambda: pipe.lines == [b"one", b"two"], "both lines")


def test_an_end_of_input_is_no_fault_and_neither_is_what_cannot_be_read(tmp_path: Path) -> None:
    with Pipe() as pipe:
        pipe.write(b"the last")
        pipe.end()
        wait_until(lambda: pipe.lines == [b"the last"], "the line without an end")
        assert pipe.reader.ask()(PATIENCE_S)
    folder = os.open(tmp_path, os.O_RDONLY)
    reader = StdinReader(lambda _: None, folder)
    reader.start()
    assert reader.ask()(PATIENCE_S)
    wait_until(lambda: reader._has_ended, "its end; else it reads what gets this number next")
    os.close(folder)


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "commands"
    path.write_bytes(b"one\ntwo\n")
    lines: list[bytes] = []
    descriptor = os.open(path, os.O_RDONLY)
    StdinReader(lines.append, descriptor).start()
    wait_until(lambda: lines == [b"one", b"two"], "both lines")
    os.close(descriptor)
