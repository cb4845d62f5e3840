"""What pjsip receives, in the order in which we look at it before pjsip acts on it.

pjsip asks its modules by their priority (sip_module.h); a message that one takes goes no further.
What is done with it is said where the subjects are: this reads it and asks them in turn.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from typing import TYPE_CHECKING

from hasip.sip.challenges import Challenges
from hasip.sip.doorman import Doorman
from hasip.sip.errors import guarded
from hasip.sip.media_names import MediaNames
from hasip.sip.new_requests import NewRequests
from hasip.sip.packet import Packet
from hasip.sip.pjsip_module import Pjsip
from hasip.sip.poison import BadOffers, PoisonFilter
from hasip.sip.stray_requests import StrayRequests
from hasip.sip.stray_responses import StrayResponses
from hasip.sip.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.sip.strangers import Strangers

    Take = Callable[[Packet], bool]  # false leaves it to those that follow

# Where it has no room for the method (87 characters and more) it says nothing but "MSG TOO LONG".
_KIND = re.compile(rb"(?:Request msg |Response msg (\d+)/)(\S+)/cseq=")
_FIRST = 0  # before pjsua's, which writes each message into the log (7)
_NEW = 20  # after transactions (16): nothing that is sent again; before dialogs (32)
_LAST = 127  # after the modules of applications (64)


class IncomingMessages:
    """Our modules in pjsip, which stay as long as it does."""

    def __init__(self, strangers: Strangers) -> None:
        """Take the places in pjsip, which must be running; raises `OSError` where it can't."""
        self._unread = Tally("Dropped")
        try:
            self._pjsip = pjsip = Pjsip()
            self.doorman = Doorman(pjsip, strangers)
            poison, names = PoisonFilter(pjsip), MediaNames(pjsip)
            # Of the answers to strangers, that of the doorman comes first: they learn nothing else.
            requests = self._ask(
                _answer_to_sender,
                poison.take,
                self.doorman.take,
                BadOffers(pjsip).take,
                names.take,
            )
            responses = self._ask(
                StrayResponses(pjsip).take, poison.take, names.take, Challenges(pjsip).take
            )
            new, stray = NewRequests(pjsip), StrayRequests(pjsip)
            # All are made, and all added: else pjsip asks nobody, and not only some of them.
            with contextlib.ExitStack() as added:
                for module in (
                    (b"mod-hasip-first", _FIRST, requests, responses),
                    (b"mod-hasip-new", _NEW, self._ask(new.take)),
                    (b"mod-hasip-stray", _LAST, self._ask(stray.take)),
                ):
                    added.callback(pjsip.add_module(*module))
                added.pop_all()
        except AttributeError as error:  # a build that exports nothing
            raise OSError(str(error)) from error

    def _ask(self, *takers: Take) -> Callable[[int], int]:
        """Return what pjsip calls: it asks one after the other, until one takes the message."""

        def on_message(rdata: int) -> int:
            with guarded("message"):
                packet = self._read(rdata)
                if not packet.method:
                    return int(self._drop(packet))
                return int(any(_asked(take, packet) for take in takers))
            return 0

        return on_message

    def _read(self, rdata: int) -> Packet:
        info = self._pjsip.call("pjsip_rx_data_get_info", ctypes.c_char_p, ctypes.c_void_p(rdata))
        named = _KIND.match(info or b"")
        if named is None:
            return Packet(rdata, "")
        status = None if named[1] is None else int(named[1])
        return Packet(rdata, named[2].decode("ascii", "replace"), status)

    def _drop(self, packet: Packet) -> bool:
        """Drop what nobody here could judge; what we don't know at all is left to pjsip."""
        if packet.source is None:
            return False
        self._unread.tell(packet, "its method is too long")
        return True


def _answer_to_sender(packet: Packet) -> bool:
    """Keep a `maddr` in Via from pjsip; the request goes on.

    By UDP pjsip would send the answer there, to whomever a stranger names, and would ask the name
    servers for it. It is meant for multicast (RFC 3261 §18.2.2), which nobody uses.
    """
    if packet.source is not None:
        packet.answer_to_sender()
    return False


def _asked(take: Take, packet: Packet) -> bool:
    with guarded("message"):  # one that fails must not keep the others from looking
        return take(packet)
    return False
