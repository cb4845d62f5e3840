"""A received message, where pjsip keeps it: `struct pjsip_rx_data` (sip_transport.h)."""

from __future__ import annotations

import ctypes
import ipaddress
from functools import cached_property

from hasip.sip.build import IS_OURS
from hasip.sip.pjsip_module import Text

_POOL_AT, _TRANSPORT_AT = 0, 8  # of `tp_info`
# Where the packet is, how much room it has (PJSIP_MAX_PKT_LEN), and what follows it.
_PACKET_AT = 320
_PACKET_ROOM = 16_000 if IS_OURS else 4_000
_NAME_AT = _PACKET_AT + _PACKET_ROOM + 48
_NAME_LENGTH = 46
# `msg_info`, from `msg_buf` on.
_START_AT = _NAME_AT + 56
_LENGTH_AT, _PARSED_AT = _START_AT + 8, _START_AT + 16
_CALL_ID_AT, _FROM_AT, _TO_AT = _START_AT + 32, _START_AT + 40, _START_AT + 48
_VIA_AT, _CSEQ_AT = _START_AT + 56, _START_AT + 64
# `pjsip_cid_hdr`, `pjsip_fromto_hdr`, `pjsip_via_hdr` and `pjsip_cseq_hdr` (sip_msg.h), after what
# all headers begin with.
_BODY_AT = 104  # in `pjsip_msg`
_ID_AT, _TAG_AT, _MADDR_AT, _METHOD_AT = 64, 72, 112, 72


class Packet:
    """One message, as long as pjsip's callback for it lasts; what is asked for is read once."""

    def __init__(self, rdata: int, method: str, status: int | None = None) -> None:
        """Take what pjsip gives, the method (empty: it can't be told), and a response's code."""
        self.rdata = rdata
        self.method = method
        self.status = status

    @property
    def kind(self) -> str:
        """Return what it is, for people: `INVITE`, or `401 to REGISTER`."""
        method = self.method or "a message"
        return method if self.status is None else f"{self.status} to {method}"

    @cached_property
    def source(self) -> str | None:
        """Return the sender's address; None in a build that we do not know."""
        if not self._is_known_build:
            return None
        name = ctypes.string_at(self.rdata + _NAME_AT, _NAME_LENGTH).partition(b"\0")[0]
        try:
            return str(ipaddress.ip_address(name.decode("ascii").partition("%")[0]))
        except ValueError:
            return None

    @cached_property
    def message(self) -> bytes:
        """Return the message as it came, where its source is known."""
        return ctypes.string_at(self._start, self._length)

    @cached_property
    def text(self) -> str:
        """Return the message as `received.py` reads it."""
        return self.message.decode("utf-8", "surrogateescape")

    @property
    def pool(self) -> int:
        """Return the address of the pool that lasts as long as the message."""
        return _pointer(self.rdata + _POOL_AT)

    @property
    def transport(self) -> int:
        """Return the address of the transport that it came by."""
        return _pointer(self.rdata + _TRANSPORT_AT)

    @property
    def parsed(self) -> int:
        """Return the address of what pjsip made of the message, where its source is known."""
        return _pointer(self.rdata + _PARSED_AT)

    @property
    def call_id(self) -> Text:
        """Return the Call-ID, as pjsip has read it; so are the tags, where a known build is."""
        return self._text_of(_CALL_ID_AT, _ID_AT)

    @property
    def from_tag(self) -> Text:
        """Return the sender's tag."""
        return self._text_of(_FROM_AT, _TAG_AT)

    @property
    def to_tag(self) -> Text:
        """Return the tag in To."""
        return self._text_of(_TO_AT, _TAG_AT)

    @property
    def names_dialog(self) -> bool:
        """Tell whether a request says that it is within a dialog (RFC 3261 §12.2)."""
        return self.to_tag.length > 0

    @property
    def method_of_cseq(self) -> int:
        """Return the address of the method in CSeq, where a known build is."""
        return _pointer(self.rdata + _CSEQ_AT) + _METHOD_AT

    def answer_to_sender(self) -> None:
        """Have the answer go to where a request came from; only in a known build."""
        via = _pointer(self.rdata + _VIA_AT)
        if via:
            Text.from_address(via + _MADDR_AT).length = 0

    @property
    def media_type_length(self) -> int:
        """Return the length of the body's media type, where a known build is; 0 without a body."""
        body = _pointer(self.parsed + _BODY_AT)
        if not body:
            return 0
        kind, subtype = (Text.from_address(body + at) for at in (0, ctypes.sizeof(Text)))
        return int(kind.length + subtype.length)

    def overwrite(self, at: int, text: bytes) -> None:
        """Change the message from there on, where pjsip keeps it; `message` stays as it came."""
        assert 0 <= at <= self._length - len(text)  # noqa: S101 - else it is somebody else's memory
        ctypes.memmove(self._start + at, text, len(text))

    @property
    def _start(self) -> int:
        return _pointer(self.rdata + _START_AT)

    @property
    def _length(self) -> int:
        return ctypes.c_int.from_address(self.rdata + _LENGTH_AT).value

    @property
    def _is_known_build(self) -> bool:
        packet = self.rdata + _PACKET_AT
        start, length = self._start, self._length
        return packet <= start and length > 0 and start + length <= packet + _PACKET_ROOM

    def _text_of(self, header_at: int, text_at: int) -> Text:
        header = _pointer(self.rdata + header_at)
        return Text.from_address(header + text_at) if header else Text()


def _pointer(at: int) -> int:
    return ctypes.c_void_p.from_address(at).value or 0
