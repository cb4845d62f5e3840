"""Digits that are to be sent while a call changes hands."""

from __future__ import annotations

from hasip.commands.model import DtmfMethod
from hasip.loop import Loop
from hasip.sip.dtmf import DtmfSender
from hasip.sip.patch_bay import PatchBay
from support.fake_clock import FakeClock


def test_digits_for_a_peer_that_has_left_are_told_to_be_lost_one_job_after_the_other() -> None:
    """A call that is over must not be sent by: another call may have its number."""
    sender = DtmfSender(Loop(FakeClock()), None, PatchBay(lambda: False))
    told: list[str | None] = []
    for method in (DtmfMethod.SIP_INFO, DtmfMethod.RFC2833, DtmfMethod.SIP_INFO):
        sender.send("12", method, told.append)

    assert len(told) == 3
    assert told[0] == told[2]
    assert "the peer has left" in (told[0] or "")
    assert "no audio" in (told[1] or "")
