"""Reads one input after the other, with limits, as `ha-sip --check` would; says how each went.

In: a kind, a length and so many bytes. Out: a line that begins with `ok` or `bad`.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
from pathlib import Path

from hasip.calls.menu_file import MenuFileError, read_menu_file
from hasip.check import check
from hasip.settings.load import load_settings

_MEMORY_BYTES = 1024 * 1024 * 1024


def _menu(path: Path) -> None:
    try:
        read_menu_file(path)
    except MenuFileError as error:
        str(error)
    environ = {"SIP1_ENABLED": "1", "SIP1_ID_URI": "sip:a@b", "SIP1_INCOMING_CALL_FILE": str(path)}
    check(lambda: load_settings(environ, path.parent, path.parent / "none")).text()


def _options(path: Path) -> None:
    check(lambda: load_settings({"SUPERVISOR_TOKEN": "t"}, path.parent, path)).text()


def _environment(path: Path) -> None:
    environ = json.loads(path.read_text())
    check(lambda: load_settings(environ, path.parent, path.parent / "none")).text()


def _dot_env(path: Path) -> None:
    path.replace(path.parent / ".env")
    check(lambda: load_settings({}, path.parent, path.parent / "none")).text()
    (path.parent / ".env").unlink()


_KINDS = {
    "menu": _menu,
    "options": _options,
    "environment": _environment,
    "dotenv": _dot_env,
}


def main() -> None:
    """Serve until the input ends."""
    folder = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    while line := sys.stdin.buffer.readline():
        kind, length = line.split()
        path = folder / "input"
        path.write_bytes(sys.stdin.buffer.read(int(length)))
        try:
            _KINDS[kind.decode()](path)
        except BaseException:
            print("bad", json.dumps(traceback.format_exc()[-3000:]), flush=True)
        else:
            print("ok", flush=True)


if __name__ == "__main__":
    main()
