"""Tells what a gateway holds, at the socket that INSIGHT names; Python imports this when it starts.

Nothing of it is in the product: it finds the gateway on the stack of the main thread, and counts on
the loop thread what can be reached from there. Who connects and says a letter gets a line of JSON.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import socket
import sys
import threading
import time
import types
from collections import Counter
from typing import Any

# Where pjsip's factory of pools has the number of those in use (`struct pj_caching_pool`).
_POOLS_AT = 88
_MIB = 1024 * 1024
_BLOCK_BYTES = 100  # of Python's small objects, which don't come from malloc
_LOOKED_INTO = (dict, list, tuple, set, types.MethodType, types.CellType)
_ANSWER_WITHIN_S = 20.0


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


_libc = ctypes.CDLL(None)
_libc.mallinfo2.restype = _Mallinfo


def _bytes_in_use() -> int:
    """Return what was allocated and not freed: what the process keeps of it in RAM is more."""
    info = _libc.mallinfo2()
    return int(info.uordblks + info.hblkhd) + sys.getallocatedblocks() * _BLOCK_BYTES


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


def _look(gateway: Any) -> dict[str, float]:
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
        "in use, MiB": _bytes_in_use() / _MIB,
    }


def _answer(*, collects: bool) -> dict[str, Any]:
    gateway = _find_gateway()
    if gateway is None:
        return {}
    found: dict[str, Any] = {}
    done = threading.Event()

    def look() -> None:
        try:
            if collects:
                gc.collect()  # the oldest generation waits for thousands of calls
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
                collects = connection.recv(1) == b"c"
                connection.sendall(json.dumps(_answer(collects=collects)).encode() + b"\n")


def _begin(do: Any) -> None:
    """Do something with the gateway, on its loop, once that turns."""

    def run() -> None:
        while (gateway := _find_gateway()) is None:
            time.sleep(0.05)
        gateway._loop.post(lambda: do(gateway))

    threading.Thread(target=run, name="insight-begins", daemon=True).start()


def _ask_for_voices(gateway: Any) -> None:
    """Have the gateway ask Home Assistant for its voices all the time; else it does so seldom."""
    check = gateway._speech_check

    def ask() -> None:
        check._voices._guard._refusals.clear()
        check._look("en")

    def ask_for_ever() -> None:
        while True:
            gateway._loop.post(ask)
            time.sleep(0.005)

    threading.Thread(target=ask_for_ever, name="asks-for-voices", daemon=True).start()


def _forget_soon(milliseconds: int) -> None:
    """Have pjsip keep what is over for so long, in place of 32 s (RFC 3261 §17, timers D and J)."""
    from hasip.sip.c_library import c_library  # noqa: PLC0415 - it was loaded meanwhile

    c_library().pjsip_tsx_set_timers(0, 0, 0, milliseconds)


if _path := os.environ.pop("INSIGHT", None):
    threading.Thread(target=_serve, args=(_path,), name="insight", daemon=True).start()
if os.environ.pop("INSIGHT_ASKS_FOR_VOICES", None):
    _begin(_ask_for_voices)
if _after_ms := os.environ.pop("INSIGHT_FORGETS_AFTER_MS", None):
    _begin(lambda _: _forget_soon(int(_after_ms)))
if _plants := os.environ.pop("INSIGHT_PLANTS", None):
    _plant = importlib.import_module("plants").plant  # beside this file
    _begin(lambda gateway: _plant(gateway, _plants.split(",")))
