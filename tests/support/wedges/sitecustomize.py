"""Makes a gateway hang or fail in the way that WEDGE names; Python imports it when it starts.

It stands for mistakes that nobody has made yet, so there is no other way to have them. A gateway
that is started again after it has hung is sound: the file WEDGED tells that there was one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

FOR_EVER_S = "3600"
OK = 200
WEDGED = "wedged"  # in the working directory


def _hang(*_: Any) -> None:
    time.sleep(float(os.environ.get("WEDGE_FOR_S", FOR_EVER_S)))


def _wedge_sip(module: ModuleType) -> None:
    """Have pjsip's only thread never come back from an incoming call."""
    module.PjAccount.onIncomingCall = _hang


def _keep_from_answering(module: ModuleType) -> None:
    """Have pjsip refuse to answer a call with 200."""
    from hasip.errors import SipError  # noqa: PLC0415 - it is not there yet

    respond = module.PjCall.respond

    def refuse(call: Any, code: int) -> None:
        if code == OK:
            raise SipError("cannot answer with 200: wedged")
        respond(call, code)

    module.PjCall.respond = refuse


def _wedge_intake(module: ModuleType) -> None:
    """Have the thread that reads commands never come back from the next one."""
    module.CommandIntake.read = _hang


def _kill_intake(module: ModuleType) -> None:
    """Have the thread that reads commands die of the next one."""
    threading.excepthook = lambda _: None
    module.CommandIntake.read = lambda *_: sys.exit()


class _Patching(MetaPathFinder, Loader):
    """Changes a module right after it was loaded."""

    def __init__(self, name: str, change: Any) -> None:
        self._name = name
        self._change = change
        self._loader: Any = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name or self._loader is not None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                self._loader, spec.loader = spec.loader, self
                return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        with contextlib.suppress(FileExistsError):
            Path(WEDGED).touch(exist_ok=False)
            self._change(module)


match os.environ.get("WEDGE"):
    case "loop":
        # Handlers run on the main thread, which is the loop's.
        signal.signal(signal.SIGUSR1, _hang)
    case "sip":
        sys.meta_path.insert(0, _Patching("hasip.sip.pj_account", _wedge_sip))
    case "intake":
        sys.meta_path.insert(0, _Patching("hasip.commands.intake", _wedge_intake))
    case "dead intake":
        sys.meta_path.insert(0, _Patching("hasip.commands.intake", _kill_intake))
    case "answer":
        sys.meta_path.insert(0, _Patching("hasip.sip.pj_call", _keep_from_answering))
