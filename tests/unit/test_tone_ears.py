"""The pipes that calls are listened to by: nothing is left of them, none holds up its writer."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from typing import TYPE_CHECKING

from hasip.tones.ears import Ear, ToneEars
from support.audio import RATE_HZ
from support.tones import Sender, to_pcm
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    Heard = queue.SimpleQueue[str]


def write_end(ears: ToneEars, heard: Heard) -> int:
    """Open what a call's audio goes into, as pjsip does, but in a way that can't hang."""
    with ears.open(RATE_HZ, lambda _ear, digits: heard.put(digits)) as ear:
        return os.open(ear.path, os.O_WRONLY | os.O_NONBLOCK)


def test_digits_are_heard_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    heard: Heard = queue.SimpleQueue()
    writer = write_end(ToneEars(), heard)

    assert not list(tmp_path.iterdir())
    os.write(writer, to_pcm(Sender().type("5")))
    assert heard.get(timeout=5) == "5"
    os.close(writer)


def test_a_pipe_that_nobody_reads_any_more_is_an_error_for_its_writer_and_no_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    ears, heard = ToneEars(), queue.SimpleQueue[str]()

    def fail(_ear: Ear, _digits: str) -> None:
        raise SystemExit

    other = write_end(ears, heard)
    with ears.open(RATE_HZ, fail) as ear:
        writer = os.open(ear.path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, to_pcm(Sender().type("5")))

    def is_closed(end: int) -> bool:
        try:
            os.write(end, bytes(4000))
        except BrokenPipeError:
            return True
        except BlockingIOError:  # full: this is where pjsip would wait
            return False
        return False

    wait_until(lambda: is_closed(other), "the pipe of another call to be closed")
    assert is_closed(writer)
    later = write_end(ears, heard)
    assert is_closed(later)
    for end in (other, writer, later):
        os.close(end)
