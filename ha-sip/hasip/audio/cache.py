"""Keeps converted prompts in a folder, under a size limit."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

LIMIT_BYTES = 256 * 1024 * 1024


class AudioCache:
    """Files by key; used from workers."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def path_of(self, key: Sequence[str]) -> Path:
        """Return where the file of a key is or would be."""
        digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
        return self._folder / f"ha-sip-{digest[:32]}.wav"

    def find(self, key: Sequence[str]) -> Path | None:
        """Return the file of a key, and take note that it was used."""
        path = self.path_of(key)
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def trim(self) -> None:
        """Delete what was not used for longest, until the folder is under its limit."""
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
            path.unlink(missing_ok=True)
            size -= entry_size
