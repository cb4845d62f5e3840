"""A view into a gateway: what it holds, as `insight/sitecustomize.py` in its process tells."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from support.gateway import PACKAGE_DIR

_INSIGHT = Path(__file__).parent / "insight"
_ANSWERS_WITHIN_S = 30.0


class Inside:
    """Asks one gateway, which is to be started with `settings`."""

    def __init__(self, folder: Path) -> None:
        # A path of a socket may have no more than 107 characters.
        self._socket = os.path.relpath(folder / "insight")
        self.settings = {
            "INSIGHT": str(folder / "insight"),
            "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{_INSIGHT}",
        }

    def look(self, *, collects: bool = False) -> dict[str, float]:
        """Return what the gateway holds now, without its garbage where that is wanted."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.settimeout(_ANSWERS_WITHIN_S)
            asker.connect(self._socket)
            asker.sendall(b"c" if collects else b"l")
            with asker.makefile("rb") as answer:
                found: dict[str, float] = json.loads(answer.readline())
        assert "error" not in found, found
        return found
