"""Modules in pjsip (sip_module.h) that are asked about every request, or response too.

pjsua2 has no way in for them, so this calls pjsip's C functions, which the extension of every build
exports.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from hasip.sip.c_library import c_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.packet import Packet

_POOL_SIZE = 1024

# pjsip keeps the address of what was registered, whatever becomes of who did it, to its very end.
_registered: list[ctypes.Structure] = []

_Function = ctypes.c_void_p
_OnMessage = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class Text(ctypes.Structure):
    """`pj_str_t`."""

    _fields_ = (("text", ctypes.c_char_p), ("length", ctypes.c_ssize_t))

    @classmethod
    def of(cls, text: bytes) -> Text:
        """Return it as pjsip wants it."""
        return cls(text, len(text))

    def __bytes__(self) -> bytes:
        """Return what it holds: as `self.text` it would be read up to a zero, which may not be."""
        address = ctypes.c_void_p.from_buffer(self).value
        return ctypes.string_at(address, self.length) if address else b""


class _Module(ctypes.Structure):
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
        ("on_rx_request", _OnMessage),
        ("on_rx_response", _OnMessage),
        ("on_tx_request", _OnMessage),
        ("on_tx_response", _Function),
        ("on_tsx_state", _Function),
    )


class HeaderLinks(ctypes.Structure):
    """The beginning of `struct pjsip_hdr`: headers form a ring."""

    _fields_ = (("prev", ctypes.c_void_p), ("next", ctypes.c_void_p), ("rest", ctypes.c_byte * 96))


class Pjsip:
    """pjsip's functions."""

    def __init__(self) -> None:
        """Find them, when pjsip runs; raises `AttributeError` in a build that exports none."""
        self._library = c_library()
        self._endpoint = ctypes.c_void_p(self.call("pjsua_get_pjsip_endpt", ctypes.c_void_p))

    def call(self, name: str, result: Any, *arguments: object) -> Any:  # noqa: ANN401 - it is C
        """Call a function; raises `AttributeError` where the build has none."""
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)

    def add_module(
        self,
        name: bytes,
        priority: int,
        on_request: Callable[[int], int] | None = None,
        on_response: Callable[[int], int] | None = None,
        on_sending: Callable[[int], int] | None = None,
    ) -> Callable[[], None]:
        """Have pjsip ask about each message, on a thread of its own; raises `OSError`.

        It gives the address of a `struct pjsip_rx_data`. An answer other than 0 takes the message:
        no module of a higher priority hears of it. `on_sending` is asked about each request that
        is to be sent, on any thread that sends, with the address of a `struct pjsip_tx_data`; an
        answer other than 0 would keep it from being sent. What this returns takes it back.
        """
        module = _Module(name=Text.of(name), id=-1, priority=priority)
        if on_request is not None:
            module.on_rx_request = _OnMessage(on_request)
        if on_response is not None:
            module.on_rx_response = _OnMessage(on_response)
        if on_sending is not None:
            module.on_tx_request = _OnMessage(on_sending)
        _registered.append(module)
        status = self.call(
            "pjsip_endpt_register_module", ctypes.c_int, self._endpoint, ctypes.byref(module)
        )
        if status != 0:
            msg = f"pjsip takes no more modules (status {status})"
            raise OSError(msg)

        def take_back() -> None:
            self.call(
                "pjsip_endpt_unregister_module",
                ctypes.c_int,
                self._endpoint,
                ctypes.byref(module),
            )

        return take_back

    def make_header(self, function: str, *arguments: object) -> int | None:
        """Return the address of a new header, by the function that makes it."""
        made: int | None = self.call(function, ctypes.c_void_p, self._pool(), *arguments)
        return made

    def capability(self, header_type: int) -> int | None:
        """Return the address of a header of pjsip's own capabilities."""
        found: int | None = self.call(
            "pjsip_endpt_get_capability", ctypes.c_void_p, self._endpoint, header_type, None
        )
        return found

    def ring_of(self, header: int | None) -> HeaderLinks:
        """Return a ring of headers, with a copy of that one if there is one."""
        ring = HeaderLinks()
        ring.prev = ring.next = ctypes.addressof(ring)
        if header is not None:
            copy = self.call(
                "pjsip_hdr_clone", ctypes.c_void_p, self._pool(), ctypes.c_void_p(header)
            )
            links = HeaderLinks.from_address(copy)
            links.prev = links.next = ctypes.addressof(ring)
            ring.prev = ring.next = copy
        return ring

    def respond(self, rdata: int, code: int, headers: HeaderLinks | None = None) -> None:
        """Answer without a transaction."""
        self.call(
            "pjsip_endpt_respond_stateless",
            ctypes.c_int,
            self._endpoint,
            ctypes.c_void_p(rdata),
            code,
            None,
            None if headers is None else ctypes.byref(headers),
            None,
        )

    def hide(self, packet: Packet, name: bytes) -> None:
        """Take all headers of that name out of a message, which a known build has parsed."""
        self.remove(packet.parsed, name)

    def find_type(self, message: int, header_type: int, after: int | None = None) -> int | None:
        """Return the address of a message's first header of a type, or of the next; or None."""
        start = None if after is None else HeaderLinks.from_address(after).next
        found: int | None = self.call(
            "pjsip_msg_find_hdr",
            ctypes.c_void_p,
            ctypes.c_void_p(message),
            header_type,
            ctypes.c_void_p(start),
        )
        return found

    def find(self, message: int, name: bytes) -> int | None:
        """Return the address of a header of a message, or None."""
        text = ctypes.byref(Text.of(name))
        found: int | None = self.call(
            "pjsip_msg_find_hdr_by_name", ctypes.c_void_p, ctypes.c_void_p(message), text, None
        )
        return found

    def remove(self, message: int, name: bytes) -> None:
        """Take all headers of that name out of a message."""
        while (header := self.find(message, name)) is not None:
            links = HeaderLinks.from_address(header)
            HeaderLinks.from_address(links.prev).next = links.next
            HeaderLinks.from_address(links.next).prev = links.prev

    def _pool(self) -> ctypes.c_void_p:
        pool = self.call(
            "pjsua_pool_create", ctypes.c_void_p, b"hasip-headers", _POOL_SIZE, _POOL_SIZE
        )
        return ctypes.c_void_p(pool)
