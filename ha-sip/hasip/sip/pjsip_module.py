"""Modules in pjsip (sip_module.h) that are asked about every request, or response too.

pjsua2 has no way in for them, so this calls pjsip's C functions, which the extension of every build
exports.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

from hasip.sip.c_library import c_library
from hasip.sip.errors import guarded
from hasip.sip.packet import message_at

_KIND = re.compile(rb"(?:Request msg (\S+)|(Response msg \S+))/cseq=")
_POOL_SIZE = 1024

_Function = ctypes.c_void_p
OnMessage = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class Text(ctypes.Structure):
    """`pj_str_t`."""

    _fields_ = (("text", ctypes.c_char_p), ("length", ctypes.c_ssize_t))


class Module(ctypes.Structure):
    """`struct pjsip_module`."""

    _fields_ = (
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("name", Text),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", _Function),
        ("start", _Function),
        ("stop", _Function),
        ("unload", _Function),
        ("on_rx_request", OnMessage),
        ("on_rx_response", OnMessage),
        ("on_tx_request", _Function),
        ("on_tx_response", _Function),
        ("on_tsx_state", _Function),
    )


class HeaderLinks(ctypes.Structure):
    """The beginning of `struct pjsip_hdr`: headers form a ring."""

    _fields_ = (("prev", ctypes.c_void_p), ("next", ctypes.c_void_p), ("rest", ctypes.c_byte * 96))


class PjsipModule:
    """A module; it must live as long as pjsip does."""

    def __init__(self, name: bytes, priority: int, *, looks_at_responses: bool = False) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        self._pjsip = c_library()
        try:
            self._endpoint = self.call("pjsua_get_pjsip_endpt", ctypes.c_void_p)
            self.prepare()
            self._module = Module(
                name=Text(name, len(name)),
                id=-1,
                priority=priority,
                on_rx_request=OnMessage(self._on_message),
            )
            if looks_at_responses:
                self._module.on_rx_response = OnMessage(self._on_message)
            status = self.call(
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

    def prepare(self) -> None:
        """Make what the answers need."""

    def take(self, rdata: int, method: str) -> bool:
        """Take a message, on a thread of pjsip's; False leaves it to the modules that follow.

        `method` is that of a request; of a response it is its description, such as
        `Response msg 200/REGISTER`.
        """
        raise NotImplementedError

    def ring_of(self, pool_name: bytes, header: int | None) -> HeaderLinks:
        """Return a ring of headers, with a copy of that one if there is one."""
        ring = HeaderLinks()
        ring.prev = ring.next = ctypes.addressof(ring)
        pool = self.call("pjsua_pool_create", ctypes.c_void_p, pool_name, _POOL_SIZE, _POOL_SIZE)
        if header is not None and pool is not None:
            copy = self.call(
                "pjsip_hdr_clone", ctypes.c_void_p, ctypes.c_void_p(pool), ctypes.c_void_p(header)
            )
            links = HeaderLinks.from_address(copy)
            links.prev = links.next = ctypes.addressof(ring)
            ring.prev = ring.next = copy
        return ring

    def capability(self, header_type: int) -> int | None:
        """Return the address of a header of pjsip's own capabilities."""
        found: int | None = self.call(
            "pjsip_endpt_get_capability",
            ctypes.c_void_p,
            ctypes.c_void_p(self._endpoint),
            header_type,
            None,
        )
        return found

    def respond(self, rdata: int, code: int, headers: HeaderLinks | None = None) -> None:
        """Answer without a transaction."""
        self.call(
            "pjsip_endpt_respond_stateless",
            ctypes.c_int,
            ctypes.c_void_p(self._endpoint),
            ctypes.c_void_p(rdata),
            code,
            None,
            None if headers is None else ctypes.byref(headers),
            None,
        )

    def hide(self, rdata: int, name: bytes) -> None:
        """Take all headers of that name out of a message that `read_packet` can read."""
        text, message = Text(name, len(name)), ctypes.c_void_p(message_at(rdata))
        while True:
            header = self.call(
                "pjsip_msg_find_hdr_by_name", ctypes.c_void_p, message, ctypes.byref(text), None
            )
            if header is None:
                return
            links = HeaderLinks.from_address(header)
            HeaderLinks.from_address(links.prev).next = links.next
            HeaderLinks.from_address(links.next).prev = links.prev

    def _on_message(self, rdata: int) -> int:
        with guarded("message"):
            info = self.call("pjsip_rx_data_get_info", ctypes.c_char_p, ctypes.c_void_p(rdata))
            named = _KIND.match(info or b"")
            if named is not None:
                return int(self.take(rdata, (named[1] or named[2]).decode("ascii", "replace")))
        return 0

    def call(self, name: str, result: Any, *arguments: object) -> Any:  # noqa: ANN401 - it is C
        """Call a function of pjsip's; raises `AttributeError` where the build has none."""
        function = getattr(self._pjsip, name)
        function.restype = result
        return function(*arguments)
