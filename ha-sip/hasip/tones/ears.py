"""Reads the audio of calls out of named pipes, and says which digits are in it.

pjsip records a call into a pipe, and one thread reads all pipes. So pjsip's clock never waits for
Python: called back with every frame it would, twenty calls a tick, and then every caller hears gaps
(measured: 20 calls and a busy Python thread, 480 gaps over 30 ms in 8 s, against none this way,
and three times the processor time). The price is that digits are heard about 0.2 s late, since
pjsip writes blocks of 4,000 bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import selectors
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hasip.tones.detector import ToneDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

# pjsip's clock would wait for a pipe that is full: this is 8 s of audio at 16 kHz.
PIPE_BYTES = 256 * 1024
READ_BYTES = 64 * 1024


class Ear:
    """One call that is listened to."""

    def __init__(
        self, reader: int, path: Path, rate_hz: int, on_digits: Callable[[Ear, str], None]
    ) -> None:
        self.path = path  # what the audio must be written to: raw or WAV, 16-bit mono
        self._reader = reader
        self._rate_hz = rate_hz
        self._detector: ToneDetector | None = None  # made by who reads: the first takes a while
        self._on_digits = on_digits
        self._is_wanted = True

    def close(self) -> None:
        """Report nothing any more; the pipe goes when its writer has closed it."""
        self._is_wanted = False

    def read(self) -> bool:
        """Take what there is; tells whether there can be more."""
        data = os.read(self._reader, READ_BYTES)
        if data and self._is_wanted:
            if self._detector is None:
                self._detector = ToneDetector(self._rate_hz)
            digits = self._detector.feed(data)
            if digits:
                self._on_digits(self, digits)
        return bool(data)


class ToneEars:
    """All the calls that are listened to; one thread, which begins with the first of them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()  # of what follows, and what is registered; never held long
        self._is_broken = False

    @contextlib.contextmanager
    def open(self, rate_hz: int, on_digits: Callable[[Ear, str], None]) -> Iterator[Ear]:
        """Make a pipe, which its writer must have opened when the context is left.

        `on_digits` is called on the thread of the ears. Raises OSError.
        """
        # A folder for a moment: nothing is left behind, however the process ends.
        with tempfile.TemporaryDirectory(prefix="ha-sip-tones-") as folder:
            path = Path(folder) / "heard.wav"  # pjsip records only into what is called so
            os.mkfifo(path, 0o600)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                with contextlib.suppress(OSError):  # many large pipes are a matter of privilege
                    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
                ear = Ear(reader, path, rate_hz, on_digits)
                yield ear
            except BaseException:
                os.close(reader)
                raise
        with self._guard:
            if self._is_broken:  # its writer is told so by the system
                os.close(reader)
                return
            self._selector.register(reader, selectors.EVENT_READ, ear)
        self._start_thread()

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_all, name="tones", daemon=True)
            self._thread.start()

    def _read_all(self) -> None:
        try:
            while True:
                for key, _ in self._selector.select():
                    if not self._read_one(key.data):
                        self._selector.unregister(key.fd)
                        os.close(key.fd)
        except Exception:
            _log.exception("No call is listened to for tones any more")
        finally:
            self._close_all()

    def _close_all(self) -> None:
        """Leave no pipe that nobody reads: it fills up, and pjsip's clock waits in it."""
        with self._guard:
            self._is_broken = True
            for key in list(self._selector.get_map().values()):
                os.close(key.fd)

    def _read_one(self, ear: Ear) -> bool:
        try:
            return ear.read()
        except Exception:
            _log.exception("A call is not listened to for tones any more")
            return False
