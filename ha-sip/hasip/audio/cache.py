"""Keeps converted prompts in a folder, under a size limit."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

LIMIT_BYTES = 256 * 1024 * 1024
ABANDONED_AFTER_S = 3_600.0


class AudioCache:
    """Files by key; used from workers."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def keep(self, key: Sequence[str], wav: Path) -> None:
        """Take a copy of a file under a key; raises `OSError`.

        Others see it whole or not at all, and two that keep the same do not mix.
        """
        path = self._path_of(key)
        part = path.with_suffix(f".{threading.get_ident()}.part")
        try:
            shutil.copyfile(wav, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._trim()

    def _path_of(self, key: Sequence[str]) -> Path:
        # Imported here: OpenSSL comes with it, 2 MiB that only a cache has use for.
        import hashlib  # noqa: PLC0415

        digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
        return self._folder / f"ha-sip-{digest[:32]}.wav"

    def find(self, key: Sequence[str]) -> Path | None:
        """Return the file of a key, and take note that it was used."""
        path = self._path_of(key)
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def _trim(self) -> None:
        """Delete what was not used for longest, until the folder is under its limit."""
        for part in self._folder.glob("ha-sip-*.part"):  # of a program that was killed
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                    part.unlink()
        entries = []
        for path in self._folder.glob("ha-sip-*.wav"):
            try:
                stat = path.stat()
            except OSError:
                continue
            entries.append((stat.st_mtime, stat.st_size, path))
        size = sum(entry[1] for entry in entries)
        for _, entry_size, path in sorted(entries):
            if size <= self._limit_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            size -= entry_size
