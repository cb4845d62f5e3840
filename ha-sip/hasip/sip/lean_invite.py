"""Takes headers out of an INVITE that would not fit into one packet by UDP.

The names of an account and its provider are in an INVITE some eight times, and the answer to a
challenge takes 300 bytes, so what `slim` leaves of the offer may be too much all the same. Then
what is of the least use goes first, until it fits. An INVITE within a call stays as it is: it is
short, and without Session-Expires it would end the session's timer (RFC 4028 §7.4).
"""

from __future__ import annotations

import ctypes
import logging

from hasip.sip.errors import guarded
from hasip.sip.pjsip_module import Pjsip, Text
from hasip.sip.received import tag

_log = logging.getLogger(__name__)

# sip_module.h: before the transport (8) prints the message.
_PRIORITY = 12
# RFC 3261 §18.1.1: from here on it would go by TCP. Ways with tunnels take little more.
LARGEST = 1299
REMOVED = (
    b"Min-SE",  # RFC 4028 §5: it is 90 s where nothing is said, and that is what we say
    b"User-Agent",
    b"Allow",  # RFC 3261 §20.5: without it nothing is said of what we can
    b"Session-Expires",  # RFC 4028 §7.1: Supported has "timer"; who is called may ask for one
)
# RFC 4488: a transfer may have no subscription. Ours wants one.
NOT_NEEDED = b"norefersub"
_LISTED = b", " + NOT_NEEDED
_KNOWN = (b"2.15.1", b"2.17")
_INVITE = b"Request msg INVITE/"
_MESSAGE_AT = 392  # `struct pjsip_tx_data`
_MOST = 16_000
_MOST_VALUES = 32


class _ArrayHeader(ctypes.Structure):
    """`struct pjsip_generic_array_hdr`."""

    _fields_ = (
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("name", Text),
        ("short_name", Text),
        ("functions", ctypes.c_void_p),
        ("count", ctypes.c_uint),
        ("values", Text * _MOST_VALUES),
    )


class LeanInvites:
    """The module; it must live as long as pjsip does."""

    def __init__(self) -> None:
        """Take its place in pjsip, which must be running; raises `OSError` where it can't."""
        try:
            self._pjsip = Pjsip()
            version = self._pjsip.call("pj_get_version", ctypes.c_char_p)
        except AttributeError as error:  # a build that exports nothing
            raise OSError(str(error)) from error
        if version not in _KNOWN:  # a message may not be where it is looked for
            msg = f"pjsip {version.decode('ascii', 'replace')} is not known here"
            raise OSError(msg)
        self._longest = LARGEST  # that was told
        self._pjsip.add_module(b"mod-hasip-lean", _PRIORITY, on_sending=self._on_sending)

    def _on_sending(self, tdata: int) -> int:
        with guarded("INVITE"):
            info = self._pjsip.call(
                "pjsip_tx_data_get_info", ctypes.c_char_p, ctypes.c_void_p(tdata)
            )
            if info is not None and info.startswith(_INVITE):
                self._shorten(tdata)
        return 0

    def _shorten(self, tdata: int) -> None:
        message = ctypes.c_void_p.from_address(tdata + _MESSAGE_AT).value
        if message is None:
            return
        names, length = what_goes(self._printed(message))
        for name in names:
            if name == NOT_NEEDED:
                self._support_less(message)
            else:
                self._pjsip.remove(message, name)
        if names:  # it may have been printed already
            self._pjsip.call("pjsip_tx_data_invalidate_msg", None, ctypes.c_void_p(tdata))
        if length > self._longest:  # not each time that it is sent again
            self._longest = length
            _log.warning(
                "An INVITE of %d bytes may not fit into one packet by UDP, and many ways lose "
                "parts of packets; shorter names, fewer --codecs or --ice off make it smaller",
                length,
            )

    def _printed(self, message: int) -> bytes:
        buffer = ctypes.create_string_buffer(_MOST)
        length: int = self._pjsip.call(
            "pjsip_msg_print", ctypes.c_ssize_t, ctypes.c_void_p(message), buffer, _MOST
        )
        return buffer.raw[: max(length, 0)]

    def _support_less(self, message: int) -> None:
        header = self._pjsip.find(message, b"Supported")
        if header is None:
            return
        array = _ArrayHeader.from_address(header)
        if 1 < array.count <= _MOST_VALUES:
            last = array.values[array.count - 1]
            if bytes(last) == NOT_NEEDED:
                array.count -= 1


def what_goes(invite: bytes) -> tuple[list[bytes], int]:
    """Return what is to be left out of an INVITE, and how many bytes it has then."""
    names, length = list[bytes](), len(invite)
    if length <= LARGEST:
        return names, length
    head = invite.partition(b"\r\n\r\n")[0]
    if b"\r\nVia: SIP/2.0/UDP" not in head or tag(head.decode("latin-1"), "To"):
        return names, 0  # any length will do
    lines = head.split(b"\r\n")
    if any(line.endswith(_LISTED) for line in lines if _is(b"Supported", line)):
        names.append(NOT_NEEDED)
        length -= len(_LISTED)
    for name in REMOVED:
        if length <= LARGEST:
            break
        gone = [line for line in lines if _is(name, line)]
        if gone:
            names.append(name)
            length -= sum(len(line) + len(b"\r\n") for line in gone)
    return names, length


def _is(name: bytes, line: bytes) -> bool:
    return line.startswith(name + b":")
