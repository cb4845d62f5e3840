"""Sees that a password which is refused is not shown again at once.

Some registrars refuse a password by asking for it once more, each time with a new nonce. pjsip
takes the new nonce for the whole reason and shows the password two more times within milliseconds
(`process_auth` in sip_auth_client.c); who counts failed tries would soon lock the account out. Such
a second challenge is hidden from it, so that the request ends with 401 or 407.

Two proxies in line that have one realm look the same from here. Nothing is lost by that: pjsip
answers one challenge of a realm, and drops that answer for the next, so neither ever gets both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hasip.sip.received import all_headers

if TYPE_CHECKING:
    from hasip.sip.packet import Packet
    from hasip.sip.pjsip_module import Pjsip

_CHALLENGES = (b"WWW-Authenticate", b"Proxy-Authenticate")
_CHALLENGED = (401, 407)
_NAMES = frozenset(name.decode().lower() for name in _CHALLENGES)
_CSEQ = re.compile(r"(\d{1,10})\s+(\S+)")
_REALM = re.compile(r'\brealm\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
# RFC 7616 §3.3: the password may be right, only the nonce is too old.
_STALE = re.compile(r'\bstale\s*=\s*"?true\b', re.IGNORECASE)
MOST_REMEMBERED = 200


class ChallengeMemory:
    """The last challenge of each Call-ID."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, str, frozenset[tuple[str, str]]]] = {}

    @property
    def remembered(self) -> int:
        """Count them."""
        return len(self._last)

    def is_refusal(self, response: str) -> bool:
        """Take a 401 or 407; tell whether it refuses the password that answered the one before."""
        call_id = cseq = ""
        challenges = []
        for written, value in all_headers(response):
            name = written.lower()
            if name in _NAMES:
                challenges.append((name, value))
            elif name in ("call-id", "i"):
                call_id = value
            elif name == "cseq":
                cseq = value
        found = _CSEQ.match(cseq)
        if found is None:
            return False
        number, method = int(found[1]), found[2]
        realms = frozenset(
            (name, realm[1]) for name, value in challenges if (realm := _REALM.search(value))
        )
        before = self._last.pop(call_id, None)
        if before is not None and before[:2] == (number, method):
            self._last[call_id] = before  # the same one, sent again (RFC 3261 §17.2.2)
            return False
        is_refusal = (
            before is not None
            and before[:2] == (number - 1, method)
            and bool(before[2] & realms)
            and not any(_STALE.search(value) for _, value in challenges)
        )
        if len(self._last) >= MOST_REMEMBERED:
            del self._last[next(iter(self._last))]
        # After a refusal the next one is the first again.
        self._last[call_id] = (number, method, frozenset() if is_refusal else realms)
        return is_refusal


class Challenges:
    """Hides them."""

    def __init__(self, pjsip: Pjsip) -> None:
        self._pjsip = pjsip
        self._memory = ChallengeMemory()

    def take(self, packet: Packet) -> bool:
        """Hide a second challenge; the response goes on."""
        if packet.status not in _CHALLENGED:
            return False
        if packet.source is not None and self._memory.is_refusal(packet.text):
            for name in _CHALLENGES:
                self._pjsip.hide(packet, name)
        return False
