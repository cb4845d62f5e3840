"""The log: one line an entry, nothing secret, no waiting."""

from __future__ import annotations

import io
import logging

import pytest

from hasip.log import LineWriter, one_line, start_logging

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
