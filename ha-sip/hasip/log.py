"""The log: one stream of lines, written by a thread of its own.

Neither the loop nor pjsip's threads may wait for a slow terminal, a full pipe or a full disk, so a
line is only put into a queue here. When the reader of the log can't keep up, lines are dropped and
their number is said. Lines of ha-sip itself start with "|"; those of pjsip come as they are, with
the digits that a caller types blanked out.

A line is one line: control characters that a peer put into a name or a header are shown escaped,
so that nobody outside can forge an entry. pjsip shows whole messages of several lines; those in
them that look like the beginning of an entry, ours or its own, are moved in by a blank.

Lines are written in bursts. A call that is placed logs thirty of them in a millisecond, on a
thread that has to have the interpreter again after each; to write them meanwhile would hold it up.
So a process that is killed or crashes may take the lines of its last 5 ms with it. Warnings and
errors, and what was put before them, do not wait for that; and a crash shows where every thread
was by itself (`faulthandler`, on standard error: names of files and functions, no values).
"""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import re
import sys
import threading
from typing import TextIO

# About 30 s of pjsip's most talkative level during one call.
MOST_WAITING_LINES = 20_000
# For how long lines gather before they are written: longer than it takes to place a call.
GATHER_S = 0.005
# What is written at once takes room beside what waits.
MOST_IN_A_BURST = 1_000

# With those that change the direction of text: they make a line look like another one.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# How pjsip shows a digit: in the body of an INFO (RFC 6086; `Signal=5`, or the digit alone), and
# when a telephone-event (RFC 4733) arrived.
_DIGIT_IN_PJSIP_LINE = re.compile(
    r"(?im)^([^\S\n]*+Signal\s*+=\s*+)\S+|(DTMF digit )\S+|^[0-9*#A-D](?=\r?$)"
)


# What begins an entry: of ours, and of pjsip's (`21:15:51.569 `).
_BEGIN = re.compile(r"\n(?=\||\s?\d\d:\d\d:\d\d\.\d{3})")


class LineWriter:
    """Writes lines to a stream from its own thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[logging.LogRecord | str | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._dropped = 0
        self._formatter = _OneLineFormatter(
            "| %(asctime)s.%(msecs)03d %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"
        )
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def put(self, line: logging.LogRecord | str) -> None:
        """Take a record of ours or a line of pjsip's; any thread; never blocks."""
        if self._lines.qsize() >= MOST_WAITING_LINES:
            self._dropped += 1
            return
        self._lines.put(line)
        if isinstance(line, logging.LogRecord) and line.levelno >= logging.WARNING:
            self._hurry.set()

    def close(self, deadline_s: float = 0.5) -> None:
        """Write what is left, for at most `deadline_s`."""
        self._lines.put(None)
        self._hurry.set()
        self._thread.join(deadline_s)

    def _write_all(self) -> None:
        while self._write_burst():
            pass

    def _write_burst(self) -> bool:
        """Write what gathers, once there is a line; tell whether there may be more."""
        lines = [self._lines.get()]
        if self._lines.qsize() < MOST_IN_A_BURST:
            self._hurry.wait(GATHER_S)
        self._hurry.clear()
        more = self._lines.qsize()
        if more >= MOST_IN_A_BURST:
            more = MOST_IN_A_BURST - 1
            self._hurry.set()  # what is in a hurry may be among those that are left
        lines += [self._lines.get() for _ in range(more)]
        for line in lines:
            if line is not None:
                self._write(line)
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()
        return None not in lines

    def _write(self, line: logging.LogRecord | str) -> None:
        # A log nobody reads any more (closed pipe, full disk) must not end the program.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(self._text_of(line) + "\n")
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self._stream.write(f"| {dropped} log lines were dropped: reader too slow\n")

    def _text_of(self, line: logging.LogRecord | str) -> str:
        if isinstance(line, str):
            shown = _DIGIT_IN_PJSIP_LINE.sub(lambda found: f"{found[1] or found[2] or ''}*", line)
            return lines_of_one_entry(shown)
        return self._formatter.format(line)


class _QueueHandler(logging.Handler):
    """Hands records over with their text complete, so that no argument is kept alive."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.msg, record.args = one_line(record.getMessage()), None
            if record.exc_info:
                # The traceback keeps frames, and so pjsua2 objects, alive: keep its text only.
                record.exc_text = lines_of_one_entry(
                    logging.Formatter().formatException(record.exc_info)
                )
                record.exc_info = None
        except Exception:
            self.handleError(record)
            return
        self._writer.put(record)


class _OneLineFormatter(logging.Formatter):
    """Formats a record whose message is complete; a traceback follows on lines of its own."""


def one_line(text: str) -> str:
    r"""Return `text` with control characters written as `\n`, `\x1b` and so on."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def lines_of_one_entry(text: str) -> str:
    """Return an entry of several lines so that none of them can be taken for another entry."""
    whole = "\n".join(one_line(line.removesuffix("\r")) for line in text.split("\n"))
    whole = _BEGIN.sub("\n ", whole)
    return f" {whole}" if whole.startswith("|") else whole


def start_logging(level: int = logging.INFO, stream: TextIO | None = None) -> LineWriter:
    """Send the records of all loggers to `stream` (default: standard output)."""
    if stream is None:
        stream = sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding does not know must not cost its line.
            stream.reconfigure(errors="backslashreplace")
    writer = LineWriter(stream)
    root = logging.getLogger()
    root.handlers = [_QueueHandler(writer)]
    root.setLevel(logging.WARNING)
    logging.getLogger("hasip").setLevel(level)
    return writer
