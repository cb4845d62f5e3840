"""The folders of a run for what lives no longer than it: locked while it lives, removed after it.

A process that is killed removes nothing. So each folder has a lock, which the system lets go of
with the process, and the next start removes folders that nobody has locked. Nothing large is
imported here: the parent that restarts the gateway has a folder, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile

PREFIX = "ha-sip-run-"
_LOCK = "lock"
_TRIES = 3  # somebody who starts up now may take a new folder for a dead one


class ScratchFolder:
    """A folder that is ours until the process ends, or its last child that was forked."""

    def __init__(self) -> None:
        """Make it; raises `OSError`."""
        for _ in range(_TRIES):
            self.path = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX))
            lock = _locked(self.path, os.O_CREAT)
            if lock is not None:
                self._lock: int | None = lock
                return
        msg = f"no folder in {tempfile.gettempdir()} stays where it is made"
        raise OSError(msg)

    def remove(self) -> None:
        """Remove it and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def remove_dead_folders() -> int:
    """Remove the folders of our user's runs that were killed; returns how many there were."""
    found = 0
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if not entry.name.startswith(PREFIX) or not _is_our_folder(entry.path):
                continue
            lock = _locked(entry.path, 0)
            if lock is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(lock)
                found += 1
    return found


def _is_our_folder(path: str) -> bool:
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return False


def _locked(folder: str, flags: int) -> int | None:
    """Lock a folder; None where somebody else has, or where it is no folder of a run (any more)."""
    path = f"{folder}/{_LOCK}"
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.lstat(path)):  # else it was removed meanwhile
            return lock
    except OSError:
        pass
    os.close(lock)
    return None
