"""Which requests belong to a call, as pjsip has read them; on pjsip's threads.

What a request says of itself proves nothing: a To with a tag is easily made up. So pjsip is asked
whether it has such a dialog. ACK and CANCEL of calls that are only beginning are known by the
Call-ID of an INVITE that was let in.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from typing import TYPE_CHECKING

from hasip.sip.packet import MESSAGE_AT
from hasip.sip.pjsip_module import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# `msg_info` of `struct pjsip_rx_data` (sip_transport.h), from `msg_buf` on.
_CALL_ID_AT, _FROM_AT, _TO_AT = MESSAGE_AT + 32, MESSAGE_AT + 40, MESSAGE_AT + 48
# `pjsip_cid_hdr` and `pjsip_fromto_hdr` (sip_msg.h), after what all headers begin with.
_ID_AT, _TAG_AT = 64, 72
# Of INVITEs: those of the last minute and more, at the rate that calls are taken.
MOST_REMEMBERED = 4_096


class Dialogs:
    """Knows calls."""

    def __init__(self, call: Callable[..., Any]) -> None:
        """Take the way to pjsip's functions."""
        self._call = call
        self._let_in: OrderedDict[bytes, None] = OrderedDict()

    def let_in(self, rdata: int) -> None:
        """Remember an INVITE: what belongs to it may come before its dialog is known."""
        self._let_in[_bytes_of(_header(rdata, _CALL_ID_AT, _ID_AT))] = None
        while len(self._let_in) > MOST_REMEMBERED:
            self._let_in.popitem(last=False)

    def knows(self, rdata: int, *, is_early: bool) -> bool:
        """Tell whether a request belongs to a call that there is.

        `is_early`: it may be one that has no tag of ours yet, a CANCEL, or the ACK of a refusal.
        """
        call_id = _header(rdata, _CALL_ID_AT, _ID_AT)
        if is_early and _bytes_of(call_id) in self._let_in:
            return True
        ours, theirs = _header(rdata, _TO_AT, _TAG_AT), _header(rdata, _FROM_AT, _TAG_AT)
        if not ours.length:
            return False
        return has_dialog(self._call, call_id, ours, theirs)


def has_dialog(call: Callable[..., Any], call_id: Text, ours: Text, theirs: Text) -> bool:
    """Tell whether pjsip has a dialog with these tags; this takes no lock of it."""
    texts = map(ctypes.byref, (call_id, ours, theirs))
    found: int | None = call("pjsip_ua_find_dialog", ctypes.c_void_p, *texts, 0)
    return found is not None


def names_dialog(rdata: int) -> bool:
    """Tell whether a request says that it is within a dialog (RFC 3261 §12.2)."""
    return _header(rdata, _TO_AT, _TAG_AT).length > 0


def _header(rdata: int, at: int, text_at: int) -> Text:
    header = ctypes.c_void_p.from_address(rdata + at).value
    return Text() if header is None else Text.from_address(header + text_at)


def _bytes_of(text: Text) -> bytes:
    # By its address: as `text.text` it would be read up to a zero, which it need not end with.
    address = ctypes.c_void_p.from_buffer(text).value
    return ctypes.string_at(address, text.length) if address else b""
