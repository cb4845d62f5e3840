"""Where a call may be sent on to by 3xx responses (RFC 3261 §8.1.3.4); texts only."""

from __future__ import annotations

import logging
import re
from enum import Enum, auto

from hasip.sip.received import clean, extract_headers

_log = logging.getLogger(__name__)

# How often a call may be sent on to another address.
MOST_REDIRECTS = 5
_URI = re.compile(r"<([^>]*)>|([^\s,;<>]+:[^\s,;<>]+)")
_PORT = re.compile(r":\d+(?=;|\?|$)")
_STATUS = re.compile(r"SIP/2\.0 (\d{3}) ([^\r\n]*)")


class Verdict(Enum):
    """What becomes of an address that a response names."""

    FOLLOW = auto()
    NEXT = auto()  # not this one; there may be another
    STOP = auto()


class Redirects:
    """The addresses that one call was sent on to so far."""

    def __init__(self, *, follow: bool) -> None:
        self._follow = follow
        self._tried: list[str] = []  # the first one is what was dialled
        # Status and reason of a response that was not followed: how the call ended.
        self.not_followed: tuple[int, str] | None = None

    def begin(self, dialled: str) -> None:
        """Take note of the address that is called first."""
        self._tried.append(bare_uri(dialled))

    def judge(self, target: str, response: str) -> Verdict:
        """Say whether to call `target`, one of the addresses that a response names."""
        status = _STATUS.match(response)
        self.not_followed = (int(status[1]), clean(status[2])) if status else (300, "Redirected")
        address = self._untried(target, response)
        if not self._follow:
            _log.info("The other side redirects to %s; not followed (--follow-redirect)", address)
            return Verdict.STOP
        if not is_sip(target):
            _log.info("The other side redirects to %s; that is no SIP address", target)
            return Verdict.NEXT
        if address is None:
            _log.warning("Redirected to %s, which was called already", target)
            return Verdict.NEXT
        if len(self._tried) > MOST_REDIRECTS:
            _log.warning("Redirected to %s after %d others; giving up", address, MOST_REDIRECTS)
            return Verdict.STOP
        self._tried.append(address)
        self.not_followed = None
        _log.info("The other side redirects to %s", address)
        return Verdict.FOLLOW

    def _untried(self, target: str, response: str) -> str | None:
        """Return the whole of an address, which pjsip tells without its port; None: no new one."""
        header = extract_headers(response, ("Contact",))["Contact"] or f"<{target}>"
        named = [bare_uri(in_brackets or alone) for in_brackets, alone in _URI.findall(header)]
        wanted = _PORT.sub("", bare_uri(target))
        meant = [uri for uri in named if _PORT.sub("", uri) == wanted] or [bare_uri(target)]
        return next((uri for uri in meant if uri not in self._tried), None)


def bare_uri(uri: str) -> str:
    """Return a URI without brackets, display name, and the headers that go into the request."""
    inside = uri.partition("<")[2].partition(">")[0] if "<" in uri else uri
    return inside.partition("?")[0].strip()


def is_sip(uri: str) -> bool:
    """Tell whether a URI is one that SIP can call."""
    return bare_uri(uri).lower().startswith(("sip:", "sips:"))
