"""Answers to requests that nothing in pjsip answers.

pjsip leaves what belongs to no call and to none of its modules without any answer, and the sender
repeats it for half a minute: a PUBLISH, a NOTIFY of a phone system that wants us to reboot, an INFO
for a call that we have forgotten. pjsua2 cannot answer either. So this is a pjsip module
(sip_module.h), which pjsip asks after all others; it has no other way in than its C functions,
which the extension of every build exports.
"""

from __future__ import annotations

import ctypes
import logging
import re
from typing import Any

import pjsua2 as pj

from hasip.sip.errors import guarded

_log = logging.getLogger(__name__)

# RFC 3261 §12.2.2, RFC 6665 §4.1.3: a request inside of something that there is not.
_NO_SUCH_DIALOG = frozenset({"BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"})
CALL_DOES_NOT_EXIST = 481
METHOD_NOT_ALLOWED = 405  # §21.4.6: its response names the methods that there are
# sip_module.h: after the modules of applications (64).
_LAST_PRIORITY = 127
_H_ALLOW = 4  # pjsip_hdr_e
_POOL_SIZE = 1024
_METHOD = re.compile(rb"Request msg (\S+)/cseq=")

_Function = ctypes.c_void_p
_OnRequest = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Text(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char_p), ("length", ctypes.c_ssize_t))


class _Module(ctypes.Structure):
    """`struct pjsip_module`."""

    _fields_ = (
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("name", _Text),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", _Function),
        ("start", _Function),
        ("stop", _Function),
        ("unload", _Function),
        ("on_rx_request", _OnRequest),
        ("on_rx_response", _Function),
        ("on_tx_request", _Function),
        ("on_tx_response", _Function),
        ("on_tsx_state", _Function),
    )


class _HeaderLinks(ctypes.Structure):
    """The beginning of `struct pjsip_hdr`: headers form a ring."""

    _fields_ = (("prev", ctypes.c_void_p), ("next", ctypes.c_void_p), ("rest", ctypes.c_byte * 96))


def answer_to(method: str) -> int | None:
    """Return the code for a stray request; None: it gets none (RFC 3261 §17.2.1: an ACK)."""
    if method == "ACK":
        return None
    return CALL_DOES_NOT_EXIST if method in _NO_SUCH_DIALOG else METHOD_NOT_ALLOWED


class StrayRequests:
    """The module; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self._pjsip = ctypes.CDLL(getattr(pj, "_pjsua2").__file__)  # noqa: B009 - a private name
        try:
            self._endpoint = self._call("pjsua_get_pjsip_endpt", ctypes.c_void_p)
            self._allow = self._make_allow()
            self._module = _Module(
                name=_Text(b"mod-hasip-stray", len(b"mod-hasip-stray")),
                id=-1,
                priority=_LAST_PRIORITY,
                on_rx_request=_OnRequest(self._on_request),
            )
            status = self._call(
                "pjsip_endpt_register_module",
                ctypes.c_int,
                ctypes.c_void_p(self._endpoint),
                ctypes.byref(self._module),
            )
        except AttributeError as error:  # a build that exports nothing
            raise OSError(str(error)) from error
        if status != 0:
            msg = f"pjsip takes no more modules (status {status})"
            raise OSError(msg)

    def _make_allow(self) -> _HeaderLinks:
        """Return a ring of headers with one: what an OPTIONS would get as Allow."""
        ring = _HeaderLinks()
        ring.prev = ring.next = ctypes.addressof(ring)
        ours = self._call(
            "pjsip_endpt_get_capability",
            ctypes.c_void_p,
            ctypes.c_void_p(self._endpoint),
            _H_ALLOW,
            None,
        )
        pool = self._call(
            "pjsua_pool_create", ctypes.c_void_p, b"hasip-allow", _POOL_SIZE, _POOL_SIZE
        )
        if ours is not None and pool is not None:
            copy = self._call(
                "pjsip_hdr_clone", ctypes.c_void_p, ctypes.c_void_p(pool), ctypes.c_void_p(ours)
            )
            links = _HeaderLinks.from_address(copy)
            links.prev = links.next = ctypes.addressof(ring)
            ring.prev = ring.next = copy
        return ring

    def _on_request(self, rdata: int) -> int:
        """Answer; called on a thread of pjsip's."""
        with guarded("stray request"):
            info = self._call("pjsip_rx_data_get_info", ctypes.c_char_p, ctypes.c_void_p(rdata))
            named = _METHOD.match(info or b"")
            code = answer_to(named[1].decode("ascii", "replace")) if named else None
            if named is None or code is None:
                return 0
            headers = ctypes.byref(self._allow) if code == METHOD_NOT_ALLOWED else None
            self._call(
                "pjsip_endpt_respond_stateless",
                ctypes.c_int,
                ctypes.c_void_p(self._endpoint),
                ctypes.c_void_p(rdata),
                code,
                None,
                headers,
                None,
            )
            _log.info("A stray %s was answered with %d", named[1].decode("ascii", "replace"), code)
            return 1
        return 0

    def _call(self, name: str, result: Any, *arguments: object) -> Any:  # noqa: ANN401 - it is C
        function = getattr(self._pjsip, name)
        function.restype = result
        return function(*arguments)
