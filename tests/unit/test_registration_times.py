"""The bounds of a registration's times, which no test of a real registrar waits for."""

from __future__ import annotations

from hasip.sip import registration
from hasip.sip.pj_account import Granted


def test_nobody_is_unreachable_for_longer_than_a_minute() -> None:
    """A registrar has forgotten us, or is dead and another one is there, right after we asked."""
    granted = Granted("UDP", 3600, "192.0.2.1:5060")
    longest_s = max(registration.refresh_s(granted) for _ in range(1000))

    assert longest_s + registration.NO_ANSWER_S < 55
