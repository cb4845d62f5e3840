"""Opens files so that no link leads elsewhere, also one that is put there in that very moment.

A path that `FileFence` allows is absolute and has no links. So each part of it is opened without
following any. What was opened then has a name of its own in our scratch folder, a link to its
descriptor, by which pjsip and ffmpeg find it whatever becomes of the path.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from hasip.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST_SUFFIX = 16
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class NotAFileError(AudioError):
    """There is something else than a file by that name."""

    def __init__(self, path: Path, mode: int, field: str = "") -> None:
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        super().__init__(f"{field} {path}: is {kind}, not a file".lstrip())


@contextlib.contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """Give the descriptor of the folder that a path is in; raises `OSError`."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open("/", flags)
    try:
        for part in path.parent.parts[1:]:
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Give the descriptor of a file to read; raises `AudioError` or `OSError`.

    Neither a pipe that nobody writes to nor a device is opened: it may wait, or do something.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with folder_of(path) as folder:
        mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode):
            raise NotAFileError(path, mode)
        file = os.open(path.name, flags, dir_fd=folder)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise NotAFileError(path, mode)
        yield file
    finally:
        os.close(file)


def name_for(file: int, stem: Path, suffix: str) -> Path:
    """Make a name for an open file; who opens it opens that file anew."""
    link = stem.with_name(f"{stem.name}{suffix[:_LONGEST_SUFFIX]}")
    link.unlink(missing_ok=True)
    link.symlink_to(f"/proc/self/fd/{file}")
    return link
