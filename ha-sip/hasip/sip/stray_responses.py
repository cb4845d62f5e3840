"""Drops responses that answer no request of ours, before pjsip writes them into the log.

Nobody judges who sends a response: a SIP server may answer from any address. But it must answer
something, and pjsip knows what: the branch in its Via, which has 30 characters of chance, names the
transaction (RFC 3261 §17.1.3). The one response that comes without is a 200 to an INVITE, sent
again until our ACK has come, or by another phone than the first (§13.2.2.4). pjsip sends all other
requests than ACK within a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.sip.dialogs import has_asked
from hasip.sip.recent import Recent
from hasip.sip.tally import Tally

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

_SUCCESS = range(200, 300)


class StrayResponses:
    """Knows what may come."""

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._answered = Recent()  # INVITEs of ours, by Call-ID and our tag
        self._tally = Tally("Dropped")

    def take(self, packet: Packet) -> bool:
        """Drop a response that nobody waits for."""
        if packet.source is None:  # another build than those we know
            return False
        invite = bytes(packet.call_id), bytes(packet.from_tag)
        if has_asked(self._pjsip, packet):
            if packet.method == "INVITE":
                self._answered.add(invite)
            return False
        if packet.status in _SUCCESS and packet.method == "INVITE" and invite in self._answered:
            return False
        self._tally.tell(packet, "it answers no request of ours")
        return True
