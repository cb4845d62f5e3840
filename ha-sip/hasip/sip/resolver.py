"""Finds the servers of requests for pjsip, so that it never waits for a name server itself.

What an account sends has a way that `Hop` found before. The rest pjsip would look up on the thread
that does all of SIP: the name in a Contact, in a REFER, in a redirect, and that of a server by TLS,
whose certificate is for the name. pjsip has a place for somebody else who does it (sip_resolve.h);
pjsua2 does not show that, so this calls pjsip's C functions, as `Pjsip` does.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING

from hasip.sip.c_library import c_library
from hasip.sip.errors import guarded
from hasip.sip.locate import TCP, TLS, UDP, Destination, is_address
from hasip.sip.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hasip.loop import Loop
    from hasip.sip.hop import Hops
    from hasip.sip.locate import Target

# pjsip_transport_type_e (sip_types.h).
_TYPES = {UDP: 1, TCP: 2, TLS: 3}
_NAMES = {number: name for name, number in _TYPES.items()}
_IPV6 = 128
# PJ_ERESOLVE (pj/errno.h); the request ends with 502.
_UNRESOLVED = 70_018
_MOST = 4
# pjsip copies as many as it was built for (PJSIP_MAX_RESOLVED_ADDRESSES): 32 at most.
_ROOM = 32


class _HostInfo(ctypes.Structure):
    """`pjsip_host_info`."""

    _fields_ = (
        ("flag", ctypes.c_uint),
        ("type", ctypes.c_int),
        ("host", ctypes.c_void_p),
        ("host_length", ctypes.c_ssize_t),
        ("port", ctypes.c_int),
    )


_ADDRESS = (
    ("type", ctypes.c_int),
    ("priority", ctypes.c_uint),
    ("weight", ctypes.c_uint),
    ("address", ctypes.c_ubyte * 28),  # of an IPv6 socket
    ("address_length", ctypes.c_int),
)


class _OldRecord(ctypes.Structure):
    """`pjsip_server_address_record`, to 2.15."""

    _fields_ = _ADDRESS


class _Record(ctypes.Structure):
    """`pjsip_server_address_record` of later ones."""

    _fields_ = (("name", ctypes.c_char_p), ("name_length", ctypes.c_ssize_t), *_ADDRESS)


class _OldAddresses(ctypes.Structure):
    """`pjsip_server_addresses`, to 2.15."""

    _fields_ = (("count", ctypes.c_uint), ("records", _OldRecord * _ROOM))


class _Addresses(ctypes.Structure):
    """`pjsip_server_addresses` of later ones."""

    _fields_ = (("count", ctypes.c_uint), ("records", _Record * _ROOM))


_Answer = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_Resolve = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.POINTER(_HostInfo),
    ctypes.c_void_p,
    ctypes.c_void_p,
)


class _ExternalResolver(ctypes.Structure):
    """`pjsip_ext_resolver`."""

    _fields_ = (("resolve", _Resolve),)


class Resolver:
    """Answers pjsip's questions; it must live as long as pjsip does."""

    def __init__(self, loop: Loop, hops: Hops) -> None:
        """Take its place in pjsip, which must be created; raises `OSError` where it can't."""
        self._loop = loop
        self._hops = hops
        self._questions = Questions(hops)
        self._is_over = False
        self._callback = _ExternalResolver(_Resolve(self._on_question))
        library = c_library()
        try:
            library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
            endpoint = ctypes.c_void_p(library.pjsua_get_pjsip_endpt())
            self._addresses = _layout(library, endpoint)
            status = library.pjsip_endpt_set_ext_resolver(endpoint, ctypes.byref(self._callback))
        except AttributeError as error:  # a build that exports nothing
            raise OSError(str(error)) from error
        if status != 0:
            msg = f"pjsip takes no resolver (status {status})"
            raise OSError(msg)

    def close(self) -> None:
        """Answer nothing any more: pjsip is to end, and what has asked with it."""
        self._is_over = True

    def _on_question(
        self, _resolver: int, _pool: int, info: ctypes._Pointer[_HostInfo], token: int, answer: int
    ) -> None:
        """Answer at once, or have the loop do it; on any thread."""
        tell = _Answer(answer)
        targets: Sequence[Target] | None = None
        with guarded("resolver"):
            to = _destination(info.contents)
            targets = self._known(to)
            if targets is None:
                self._loop.post(lambda: self._ask(to, token, tell))
                return
        self._tell(targets or (), token, tell)

    def _known(self, to: Destination) -> Sequence[Target] | None:
        if not to.is_address:
            return self._hops.just_found(to)
        return [self._hops.written(to)]

    def _ask(self, to: Destination, token: int, tell: ctypes._FuncPointer) -> None:
        def heard(targets: Sequence[Target]) -> None:
            if not self._is_over:
                self._tell(targets, token, tell)

        if not self._is_over:
            self._questions.ask(to, heard)

    def _tell(self, targets: Sequence[Target], token: int, tell: ctypes._FuncPointer) -> None:
        """Answer; pjsip then sends, so what it holds locked must not be held here."""
        if not targets:
            tell(_UNRESOLVED, token, None)
            return
        addresses = self._addresses()
        addresses.count = min(len(targets), _MOST)
        for record, target in zip(addresses.records, targets[:_MOST], strict=False):
            _fill(record, target)
        tell(0, token, ctypes.addressof(addresses))


def _layout(library: ctypes.CDLL, endpoint: ctypes.c_void_p) -> type[_OldAddresses | _Addresses]:
    """Return the layout of answers, by the one that pjsip itself gives for an address."""
    host = b"192.0.2.53"
    buffer = ctypes.create_string_buffer(host)
    question = _HostInfo(0, _TYPES[TCP], ctypes.addressof(buffer), len(host), 5353)
    places: list[int] = []

    def hear(_status: int, _token: int, answer: int) -> None:
        if answer:
            written = ctypes.string_at(answer, ctypes.sizeof(_Record))
            places.append(written.find(_socket_address(host.decode(), question.port)[:8]))

    library.pjsip_endpt_resolve(endpoint, None, ctypes.byref(question), None, _Answer(hear))
    for layout, record in ((_OldAddresses, _OldRecord), (_Addresses, _Record)):
        if places == [layout.records.offset + record.address.offset]:
            return layout
    msg = f"pjsip answers in an unknown way ({places})"
    raise OSError(msg)


def _destination(info: _HostInfo) -> Destination:
    host = ctypes.string_at(info.host, info.host_length).decode("utf-8", "replace").strip("[]")
    return Destination(host, info.port or None, _NAMES.get(info.type & ~_IPV6), is_address(host))


def _fill(record: _OldRecord | _Record, target: Target) -> None:
    if isinstance(record, _Record):
        record.name = name = target.name.encode()
        record.name_length = len(name)
    record.type = _TYPES[target.transport] | (_IPV6 if ":" in target.address else 0)
    written = _socket_address(target.address, target.port)
    ctypes.memmove(record.address, written, len(written))
    record.address_length = len(written)


def _socket_address(address: str, port: int) -> bytes:
    """Return a `sockaddr_in` or `sockaddr_in6`."""
    is_ipv6 = ":" in address
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    packed = socket.inet_pton(family, address.partition("%")[0])
    head = struct.pack("=H", family) + struct.pack("!H", port)
    return head + (bytes(4) + packed + bytes(4) if is_ipv6 else packed + bytes(8))
