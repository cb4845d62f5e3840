"""What a program does to files, networks and other programs, as strace sees it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CALLS = (
    *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat"),
    *("rename", "renameat", "renameat2", "symlink", "symlinkat", "link", "linkat", "truncate"),
    *("chmod", "fchmodat", "chown", "lchown", "fchownat", "utimensat", "mknod", "mknodat"),
    *("bind", "connect", "execve", "execveat", "mmap"),
)
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)(.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_TEXT = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_OPENED = re.compile(r"<(/[^<>]*)")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
_ADDRESS = re.compile(r'htons\((\d+)\).*?(?:inet_addr\(|AF_INET6, )"([^"]*)"')
_ENVIRONMENT_BEGINS = '"], ["'


@dataclass(slots=True)
class Deeds:
    """What was done, with success; paths are real ones, those of folders end in a slash."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)  # made, changed, renamed or removed
    mapped: set[str] = field(default_factory=set)  # into memory, as code
    run: dict[str, set[str]] = field(default_factory=dict)  # its environments, as text
    bound: set[str] = field(default_factory=set)  # such as `UDP 127.0.0.1:5060`, `UNIX /run/x`
    connected: set[str] = field(default_factory=set)


def tracing(file: Path) -> tuple[str, ...]:
    """Return the beginning of a command that writes what the rest of it does to a file.

    The command keeps its process; `wait_traced` waits for the rest of the file.
    """
    flags = (
        "-D",
        "-f",
        "--seccomp-bpf",
        "-yy",
        "-v",
        "-s",
        "4096",
        "--signal=none",
        "-o",
        str(file),
    )
    return ("strace", *flags, f"--trace={','.join(_CALLS)}")


def wait_traced(file: Path, pid: int) -> None:
    """Wait until the end of a process is in the file, and with it all that it did."""
    ended = re.compile(rf"^{pid} +\+\+\+ ", re.MULTILINE)
    wait_until(lambda: ended.search(file.read_text("utf-8", "replace")), f"the end of {pid}")


def deeds(*files: Path) -> Deeds:
    """Read what was written by strace."""
    done = Deeds()
    for name, given, result, rest in itertools.chain.from_iterable(map(_calls, files)):
        if result.startswith("-") and "EINPROGRESS" not in rest:
            continue
        match name:
            case "open" | "openat" | "openat2" | "creat":
                opened = _OPENED.search(rest)
                if opened is not None and "O_PATH" not in given:
                    path = opened[1] + "/" * ("O_DIRECTORY" in given)
                    (done.written if _WRITES.search(given) else done.read).add(path)
            case "mmap":
                opened = _OPENED.search(given)
                if opened is not None and "PROT_EXEC" in given:
                    done.mapped.add(opened[1])
            case "execve" | "execveat":
                program = _paths(given)[0]
                done.run.setdefault(program, set()).add(given.partition(_ENVIRONMENT_BEGINS)[2])
            case "bind":
                done.bound.add(_address(given))
            case "connect":
                done.connected.add(_address(given))
            case "symlink" | "symlinkat":
                done.written.add(_paths(given)[-1])
            case _:
                is_folder = name in ("mkdir", "mkdirat", "rmdir") or "AT_REMOVEDIR" in given
                done.written.update(path + "/" * is_folder for path in _paths(given))
    return done


def _calls(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, arguments, result and what follows it; calls that were interrupted are joined."""
    begun: dict[str, str] = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        pid, text = found.groups()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = _RESUMED.fullmatch(text)
        if resumed is not None:
            text = begun.pop(pid, "") + resumed[1]
        call = _CALL.fullmatch(text)
        if call is not None:
            yield call[1], call[2], call[3], call[4]


def _paths(given: str) -> list[str]:
    """Return the paths among arguments; those that are relative begin at the folder before them."""
    return [
        str(PurePosixPath(folder or "/", path)) if folder or path.startswith("/") else path
        for folder, path in _TEXT.findall(given)
    ]


def _address(given: str) -> str:
    """Return where a socket is bound, or connected to."""
    kind = re.split("[:>-]", given.partition("<")[2])[0].removesuffix("v6")
    if "sun_path" in given:
        return f"UNIX {given.partition('sun_path=')[2].split(chr(34))[1]}"
    found = _ADDRESS.search(given)
    return kind if found is None else f"{kind} {found[2]}:{found[1]}"
