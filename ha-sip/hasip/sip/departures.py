"""Where the calls of an account leave: by its own server, or straight to somebody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.sip.hop import needed
from hasip.sip.locate import destination_of
from hasip.sip.new_legs import outgoing_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.errors import HaSipError
    from hasip.loop import Loop
    from hasip.settings.model import Account
    from hasip.sip.call import LegContext, SipLeg
    from hasip.sip.hop import Hop, Hops, Way
    from hasip.sip.locate import Target
    from hasip.sip.outlet import Outlet


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What an account has that its calls leave by."""

    hops: Hops
    hop: Hop | None  # to its proxy, or its registrar
    outlet: Outlet
    make_outlet: Callable[[], Outlet | None]  # one more; None: there is no room
    on_moved: Callable[[], None]  # the registration was lost by a change of the server


class Departures:
    """Sends the INVITEs of an account; loop thread only.

    Requests to the account's own server, and all where it has a proxy, go by its hop. Others go
    straight to the server of their URI. With each server that was found by a name goes an outlet of
    its own: pjsip looks at the way of an account when the INVITE leaves, after ICE has gathered its
    candidates, so it must not be changed for the next call; and a change ends the registration.
    """

    def __init__(self, loop: Loop, settings: Account, station: Station) -> None:
        self._loop = loop
        self._settings = settings
        self._station = station
        self._straight: dict[Target, Outlet] = {}
        self._has_proxy = settings.options.proxy is not None
        self._registers = settings.registrar_uri is not None
        registrar = destination_of(settings.registrar_uri or "")
        self._own_host = None if registrar is None else registrar.host.lower()

    def place_call(self, dialled: str, context: LegContext) -> SipLeg:
        """Call somebody; the INVITE leaves at once, or when the name is resolved.

        Raises `SipError` where it can't leave, and then there is no call; later the call ends.
        """
        hop = self._hop_to(context.to_uri(dialled))
        own = self._station.outlet.account
        leg = outgoing_call(self._loop, own, self._settings.id_uri, dialled, context)
        is_later = False
        tried: set[Target] = set()

        def leave(found: Way | HaSipError) -> None:
            try:
                way = needed(found)
                if way.target is not None:
                    tried.add(way.target)
                self._send_invite(leg, hop, way)
            except SipError as error:
                if not is_later:
                    raise
                leg.give_up(str(error))

        def try_other() -> bool:
            """Call by the next server; False where there is none that was not tried."""
            if not hop.go_on(tried):
                return False
            hop.find(leave)
            return True

        leg.on_silence(try_other)
        hop.find(leave)
        is_later = True
        return leg

    def close(self) -> None:
        """Let pjsip forget the outlets beside the account's own."""
        for outlet in self._straight.values():
            outlet.close()
        self._straight.clear()

    def refresh(self) -> None:
        """Have all outlets know which servers help now."""
        for outlet in (self._station.outlet, *self._straight.values()):
            outlet.use(outlet.way)

    def _hop_to(self, uri: str) -> Hop:
        to = destination_of(uri)
        is_own = to is None or to.host.lower() == self._own_host
        if self._station.hop is not None and (self._has_proxy or is_own):
            return self._station.hop
        return self._station.hops.hop(uri)

    def _outlet_to(self, hop: Hop, way: Way) -> Outlet:
        if hop is self._station.hop or way.target is None:
            return self._station.outlet
        outlet = self._straight.pop(way.target, None) or self._station.make_outlet()
        if outlet is None and self._straight:  # no room: take the one of the oldest call
            outlet = self._straight.pop(next(iter(self._straight)))
        if outlet is None:
            msg = "pjsua2 has no room for an account to call by; use fewer accounts"
            raise SipError(msg)
        self._straight[way.target] = outlet
        return outlet

    def _send_invite(self, leg: SipLeg, hop: Hop, way: Way) -> None:
        own, outlet = self._station.outlet, self._outlet_to(hop, way)
        before = outlet.way
        # A way without a server has our address only. It is looked at when the call is made.
        outlet.use(way if way.target else replace(before, source=way.source))
        try:
            leg.send_invite(outlet.account, may_be_silent=not hop.has_others)
        finally:
            if hop is not self._station.hop and outlet is own:
                # Of a call that comes in it is not known where from: any address may be offered.
                outlet.use(before)
            elif hop is self._station.hop and self._registers and before.route != outlet.way.route:
                self._station.on_moved()
