"""Tells what a gateway holds, at the socket that INSIGHT names; Python imports this when it starts.

Nothing of it is in the product: it finds the gateway on the stack of the main thread, and counts on
the loop thread what can be reached from there. Whoever connects gets a line of JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import socket
import sys
import threading
import types
from collections import Counter
from typing import Any

# Where pjsip's factory of pools has the number of those in use (`struct pj_caching_pool`).
_POOLS_AT = 88
_LOOKED_INTO = (dict, list, tuple, set, types.MethodType, types.CellType)
_ANSWER_WITHIN_S = 20.0


def _find_gateway() -> Any:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if "gateway" in frame.f_locals:
            return frame.f_locals["gateway"]
        frame = frame.f_back
    return None


def _reachable(root: Any) -> list[Any]:
    """Return the objects of ha-sip that can be reached from one of them."""
    seen: dict[int, Any] = {id(root): root}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, types.FunctionType):
            inside: Any = [*(one.__closure__ or ()), *(one.__defaults__ or ())]
        else:
            inside = gc.get_referents(one)
        for other in inside:
            is_ours = type(other).__module__.partition(".")[0] == "hasip"
            is_more = isinstance(other, (*_LOOKED_INTO, types.FunctionType))
            if (is_ours or is_more) and id(other) not in seen:
                seen[id(other)] = other
                waiting.append(other)
    return [one for one in seen.values() if type(one).__module__.startswith("hasip")]


def _look(gateway: Any) -> dict[str, int]:
    from hasip.sip.c_library import c_library  # noqa: PLC0415 - it was loaded meanwhile

    objects = _reachable(gateway)
    kinds = Counter(type(one).__name__ for one in objects)
    pools = [one for one in objects if type(one).__name__ == "WorkerPool"]
    factory = c_library().pjsua_get_pool_factory
    factory.restype = ctypes.c_void_p
    webhooks = gateway._webhooks
    return {
        "calls in the registry": len(gateway._registry),
        "calls of pjsip": gateway._sip.calls,
        "sessions": kinds["CallSession"],
        "legs": kinds["SipLeg"],
        "players": kinds["FilePlayback"] + kinds["TonePlayback"],
        "recorders": kinds["Recording"],
        "ports on the bridge": len(gateway._sip._endpoint.mediaEnumPorts2()),
        "pools of pjsip": ctypes.c_size_t.from_address(factory() + _POOLS_AT).value,
        "timers armed": gateway._loop.armed_timers,
        "timers kept": gateway._loop.kept_timers,
        "messages to the loop": gateway._loop._mailbox.qsize(),
        "worker pools": len(pools),
        "jobs of workers": sum(pool.unfinished for pool in pools),
        "webhooks waiting": 0 if webhooks is None else len(webhooks._waiting),
        "objects": len(objects),
    }


def _answer() -> dict[str, Any]:
    gateway = _find_gateway()
    if gateway is None:
        return {}
    found: dict[str, Any] = {}
    done = threading.Event()

    def look() -> None:
        try:
            found.update(_look(gateway))
        except Exception as error:
            found["error"] = f"{type(error).__name__}: {error}"
        done.set()

    gateway._loop.post(look)
    return found if done.wait(_ANSWER_WITHIN_S) else {"error": "the loop does not turn"}


def _serve(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(4)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(json.dumps(_answer()).encode() + b"\n")


if _path := os.environ.pop("INSIGHT", None):
    threading.Thread(target=_serve, args=(_path,), name="insight", daemon=True).start()
