"""Which requests belong to a call, as pjsip has read them; on pjsip's threads.

What a request says of itself proves nothing: a To with a tag is easily made up. So pjsip is asked
whether it has such a dialog. ACK and CANCEL of calls that are only beginning are known by the
Call-ID of an INVITE that was let in. And an INVITE that is sent again is no new one: pjsip is asked
whether it has a transaction for it.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from hasip.sip.pjsip_module import Text
from hasip.sip.recent import Recent

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

_CLIENT, _SERVER = 0, 1  # pjsip_role_e


class _Method(ctypes.Structure):
    """`pjsip_method`."""

    _fields_ = (("id", ctypes.c_int), ("name", Text))


_INVITE = _Method(0, Text.of(b"INVITE"))


class Dialogs:
    """Knows calls."""

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._let_in = Recent()  # by Call-ID

    def let_in(self, packet: Packet) -> None:
        """Remember an INVITE: what belongs to it may come before its dialog is known."""
        self._let_in.add(bytes(packet.call_id))

    def has_begun(self, packet: Packet) -> bool:
        """Tell whether an INVITE is one that pjsip has taken and that was sent again.

        The transaction layer answers it (RFC 3261 §17.2.1); this finds out in the same way.
        """
        return _has_transaction(self._pjsip, packet, _SERVER, ctypes.addressof(_INVITE))

    def knows(self, packet: Packet, *, is_early: bool) -> bool:
        """Tell whether a request belongs to a call that there is.

        `is_early`: it may be one that has no tag of ours yet, a CANCEL, or the ACK of a refusal.
        """
        if is_early and bytes(packet.call_id) in self._let_in:
            return True
        if not packet.names_dialog:
            return False
        return has_dialog(self._pjsip, packet.call_id, packet.to_tag, packet.from_tag)


def has_dialog(pjsip: Pjsip, call_id: Text, ours: Text, theirs: Text) -> bool:
    """Tell whether pjsip has a dialog with these tags; this takes no lock of it."""
    texts = map(ctypes.byref, (call_id, ours, theirs))
    found: int | None = pjsip.call("pjsip_ua_find_dialog", ctypes.c_void_p, *texts, 0)
    return found is not None


def has_asked(pjsip: Pjsip, packet: Packet) -> bool:
    """Tell whether a response answers a request of ours (RFC 3261 §17.1.3)."""
    return _has_transaction(pjsip, packet, _CLIENT, packet.method_of_cseq)


def _has_transaction(pjsip: Pjsip, packet: Packet, role: int, method: int) -> bool:
    """Ask pjsip as it asks itself; this takes no lock of a transaction."""
    key = Text()
    status: int = pjsip.call(
        "pjsip_tsx_create_key",
        ctypes.c_int,
        ctypes.c_void_p(packet.pool),
        ctypes.byref(key),
        role,
        ctypes.c_void_p(method),
        ctypes.c_void_p(packet.rdata),
    )
    found: int | None = pjsip.call(
        "pjsip_tsx_layer_find_tsx", ctypes.c_void_p, ctypes.byref(key), 0
    )
    return status == 0 and found is not None
