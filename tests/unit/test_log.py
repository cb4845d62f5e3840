"""The log: one line an entry, nothing secret, no waiting."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from hasip import log
from hasip.log import LineWriter, lines_of_one_entry, one_line, start_logging
from support.waiting import wait_until

PACKAGE = Path(__file__).parents[2] / "ha-sip"
INFO = "INFO sip:h SIP/2.0\r\nContent-Type: application/{}\r\nContent-Length: 1\r\n\r\n{}\r\n"


def written(*lines: str) -> str:
    stream = io.StringIO()
    writer = LineWriter(stream)
    for line in lines:
        writer.put(line)
    writer.close()
    return stream.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "21:15:51.569     strm0x562d652b6e28  Received DTMF digit 7 vol=10",
        INFO.format("dtmf-relay", "Signal=7\r\nDuration=160"),
        INFO.format("dtmf-relay", "signal = 7"),
        INFO.format("dtmf", "7"),
    ],
)
def test_digits_are_blanked_out_of_pjsips_lines(line: str) -> None:
    text = written(line)
    assert "7" not in text
    assert "*" in text


def test_pjsips_other_lines_come_as_they_are() -> None:
    line = "21:15:51.570 pjsua_core.c  .RX 410 bytes Request msg INFO/cseq=7\nContent-Length: 24"
    assert written(line) == line + "\n"


@pytest.mark.parametrize("forged", ["\n| 2026 ERROR", "\r", "\x1b[31m", "\u2028", "\x85"])
def test_a_peer_cannot_forge_a_line(forged: str) -> None:
    shown = one_line(f"Call from {forged}")
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    "forged",
    ["| 2026-01-01 00:00:00.000 ERROR   x", "21:15:51.569 pjsua_core.c  .RX", " 21:15:51.5690"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_a_message_that_pjsip_shows_cannot_forge_an_entry(end: str, forged: str) -> None:
    shown = written(f"21:15:51.570 pjsua_core.c  .RX 9 bytes:\r\nMESSAGE{end}{forged}\x1b[2J\r\n--")

    assert not [line for line in shown.splitlines()[1:] if line.startswith(forged)]
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert lines_of_one_entry("| x") == " | x"


def test_a_traceback_cannot_forge_an_entry() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    writer = start_logging(stream=stream)
    try:
        raise ValueError("bad\n| 2026-01-01 00:00:00.000 ERROR   forged\x1b[2J")  # noqa: TRY301
    except ValueError:
        logging.getLogger("hasip").exception("failed")
    writer.close()
    root.handlers, root.level = handlers, level

    assert len([line for line in stream.getvalue().splitlines() if line.startswith("|")]) == 1
    assert "\x1b" not in stream.getvalue()


def test_a_record_with_a_traceback_keeps_no_frame_alive() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    writer = start_logging(stream=stream)
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("hasip").exception("cannot %s", "divide")
    writer.close()
    root.handlers, root.level = handlers, level
    assert "cannot divide" in stream.getvalue()
    assert "ZeroDivisionError" in stream.getvalue()


def test_a_log_that_nobody_reads_ends_nothing() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    writer = LineWriter(Closed())
    writer.put("one")
    writer.put("two")
    writer.close()


def test_marks_that_turn_the_direction_of_text_are_shown_escaped() -> None:
    assert one_line("a\u202eb\u2066c") == "a\\u202eb\\u2066c"


def test_lines_are_written_in_their_order_to_the_last() -> None:
    lines = [f"21:15:51.570 line {number}" for number in range(500)]

    assert written(*lines).splitlines() == lines


class Stuck(io.StringIO):
    """Takes nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.is_asked.set()
        assert self.may_go_on.wait(20)
        return super().write(text)


def warning(text: str) -> logging.LogRecord:
    return logging.LogRecord("hasip", logging.WARNING, "", 0, text, None, None)


def test_no_more_lines_wait_for_a_slow_reader_than_the_limit_and_one_burst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "GATHER_S", 60.0)
    monkeypatch.setattr(log, "MOST_WAITING_LINES", 50)
    monkeypatch.setattr(log, "MOST_IN_A_BURST", 10)
    stream = Stuck()
    writer = LineWriter(stream)
    for number in range(49):
        writer.put(f"line {number}")
    writer.put(warning("hurry"))
    assert stream.is_asked.wait(20)
    for number in range(50):
        writer.put(f"late {number}")
    stream.may_go_on.set()
    writer.close(20)

    assert not writer._thread.is_alive(), "nobody waited for more to gather"
    text = stream.getvalue()
    assert text.count("line ") == 49
    assert text.count("late ") == 10, "40 waited already, and 10 were being written"
    assert "| 40 log lines were dropped" in text


def test_a_line_that_was_written_is_kept_no_longer() -> None:
    writer = LineWriter(io.StringIO())
    record = warning("x")
    kept = weakref.ref(record)
    writer.put(record)
    del record

    wait_until(lambda: kept() is None, "it is let go")
    writer.close()


def child(program: str) -> subprocess.Popen[str]:
    """Run a program that would let lines gather for a minute."""
    begin = (
        "import logging, os, sys, time\nfrom hasip import command_line, log\nlog.GATHER_S = 60\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", begin + program],
        env={"PYTHONPATH": str(PACKAGE), "HASIP_TEST": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_warning_and_what_was_said_before_it_outlive_a_kill() -> None:
    program = (
        "log.start_logging()\n"
        "ours = logging.getLogger('hasip')\n"
        "ours.info('this call')\n"
        "ours.warning('is odd')\n"
        "time.sleep(60)\n"
    )
    with child(program) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline(), process.stdout.readline()]
        process.kill()

    assert ["this call" in seen[0], "is odd" in seen[1]] == [True, True]


def test_what_was_said_before_an_error_that_nobody_foresaw_is_written() -> None:
    program = (
        "def run(settings, writer):\n"
        "    logging.getLogger('hasip').info('the last words')\n"
        "    raise RuntimeError('unforeseen')\n"
        "command_line._run = run\n"
        "command_line.main([])\n"
    )
    with child(program) as process:
        out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "the last words" in out
    assert "RuntimeError: unforeseen" in err
