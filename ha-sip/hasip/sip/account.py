"""One SIP account: what it registers with, calls by, and takes calls from."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hasip.calls.reception import Reception
from hasip.calls.uri import own_uri
from hasip.dataclass import dataclass
from hasip.errors import SipError
from hasip.events.model import Takeover
from hasip.sip.account_config import Helpers
from hasip.sip.call import LegContext
from hasip.sip.departures import Departures, Station
from hasip.sip.errors import guarded
from hasip.sip.nat_servers import ServerWatch, ask_turn
from hasip.sip.outlet import Outlet
from hasip.sip.pj_account import PjAccount
from hasip.sip.pj_call import DECLINED, CallRules
from hasip.sip.received import all_headers
from hasip.sip.registration import Registration, RegistrationContext
from hasip.sip.sources import Sources
from hasip.sip.stun import Server
from hasip.sip.succession import Retired

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.calls.screening import AnswerMode
    from hasip.events.model import RegistrationChanged
    from hasip.loop import Loop
    from hasip.settings.model import Account, GlobalOptions
    from hasip.sip.call import SipLeg
    from hasip.sip.hop import Hop, Hops
    from hasip.sip.pj_account import Granted
    from hasip.sip.pj_call import Parties, PjCall
    from hasip.sip.replaces import Replaces
    from hasip.sip.transports import ConnectionLost
    from hasip.tones.ears import ToneEars

_log = logging.getLogger(__name__)

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHouse:
    """What the stack does for its accounts."""

    keep: Callable[[PjCall], None]  # alive, until it is let go
    let_go: Callable[[PjCall], None]
    on_call: Callable[[SipLeg, SipAccount], None]
    on_registration: Callable[[RegistrationChanged], None]
    hops: Hops
    has_stun: Callable[[], bool]
    on_moved: Callable[[str, str], None]  # our address was, and is now
    take_room: Callable[[], bool]  # for one more account of pjsip's; False: there is none
    ears: ToneEars
    # Who takes a call from an address that came in by an account; on any thread.
    taker: Callable[[SipAccount, str], SipAccount | None]
    find_call: Callable[[Replaces], PjCall | None]


class SipAccount:
    """An account in use; a `Line` that calls are placed on. Loop thread only."""

    def __init__(
        self,
        loop: Loop,
        settings: Account,
        general: GlobalOptions,
        *,
        house: AccountHouse,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._general = general
        self._house = house
        self.context = LegContext(
            rules=CallRules(
                wanted_headers=settings.options.extract_headers,
                follow_redirect=settings.options.follow_redirect,
                follow_transfer=settings.options.follow_transfer,
                rtp_timeout_s=settings.options.rtp_timeout,
            ),
            to_uri=self._to_uri,
            keep=house.keep,
            let_go=house.let_go,
            ears=house.ears,
            inband_dtmf=settings.options.inband_dtmf,
        )
        self.reception = Reception(settings.answer_mode, settings.options.reject_sip_code)
        options = settings.options
        self._turn: ServerWatch | None = None
        if options.turn_server is not None:
            turn = Server(options.turn_server, options.turn_connection_type, general.tls_ca_file)
            self._turn = ServerWatch(loop, lambda: ask_turn(turn))
        self.sources = Sources(loop, house.hops, settings)
        self._outlet: Outlet | None = None
        self._departures: Departures | None = None
        self._registration: Registration | None = None

    @property
    def number(self) -> int:
        """Return the account's number, 1-based."""
        return self._settings.number

    @property
    def settle_time_s(self) -> float:
        """Return the pause between the connection and `call_established`."""
        return self._settings.settle_time_s

    @property
    def answer_mode(self) -> AnswerMode:
        """Return what is done with calls that come in."""
        return self.reception.mode

    @property
    def reject_sip_code(self) -> int:
        """Return the final response in `reject` mode."""
        return self.reception.reject_sip_code

    @property
    def has_left(self) -> bool:
        """Tell whether the registrar will not send us calls any more, as far as it said."""
        return self._registration is None or self._registration.has_left

    @property
    def state(self) -> str:
        """Return the account and how its registration is, for people."""
        registration = self._registration
        return f"{self._id}, {registration.state if registration else 'without registrar'}"

    def open(self, *, is_default: bool) -> None:
        """Make the account known to pjsip and begin to register; raises `SipError`."""
        if self._turn is not None:
            self._turn.look_at_start()
            self._turn.watch(self.helpers_changed)
        self._outlet = self._make_outlet(is_default=is_default)
        self.sources.look()
        if self.sources.takes_everybody and not self._settings.options.accept_from:
            _log.warning(
                "Account %d takes calls from everybody who reaches it; --accept-from limits that",
                self.number,
            )
        first = self._settings.options.proxy or self._settings.registrar_uri
        hop = self._house.hops.hop(first) if first else None
        if hop is not None and self._settings.registrar_uri:
            self._registration = self._make_registration(self._outlet, hop)
        self._departures = self._make_departures(self._outlet, hop)
        if self._registration is not None:
            self._registration.register()
        else:
            _log.info("Account %d (%s): no registrar, direct calls", self.number, self._id)

    def _make_registration(self, outlet: Outlet, hop: Hop) -> Registration:
        context = RegistrationContext(
            outlet=outlet,
            hop=hop,
            is_fixed=bool(self._general.bind_address),
            on_change=self._house.on_registration,
            on_moved=self._house.on_moved,
            learn=self.sources.learn,
        )
        return Registration(self._loop, self._settings, context)

    def _make_departures(self, outlet: Outlet, hop: Hop | None) -> Departures:
        registration = self._registration
        station = Station(
            hops=self._house.hops,
            hop=hop,
            outlet=outlet,
            make_outlet=lambda: (
                self._make_outlet(registers=False) if self._house.take_room() else None
            ),
            on_moved=lambda: None if registration is None else registration.register(),
        )
        return Departures(self._loop, self._settings, station)

    def _make_outlet(self, *, is_default: bool = False, registers: bool = True) -> Outlet:
        return Outlet(
            PjAccount(self._loop, self),
            self._settings,
            self._general,
            helpers=self._helpers,
            is_default=is_default,
            registers=registers,
        )

    def _helpers(self) -> Helpers:
        turn = self._turn.address if self._turn is not None else None
        return Helpers(self._house.has_stun(), turn)

    def helpers_changed(self) -> None:
        """Take note that a STUN or TURN server came or went."""
        if self._departures is not None:
            with guarded("change of servers"):
                self._departures.refresh()

    def place_call(self, number: str) -> SipLeg:
        """Send an INVITE; a bare number is dialled at the account's own domain."""
        if self._departures is None:
            msg = f"account {self.number} is not open"
            raise SipError(msg)
        return self._departures.place_call(number, self.context)

    def register_again(self) -> None:
        """Try now, not when it is due; raises `SipError` without a registrar."""
        if self._registration is None:
            msg = f"account {self.number} has no registrar"
            raise SipError(msg)
        self._registration.again()

    def leave(self) -> None:
        """Ask the registrar to take us out of its list."""
        if self._registration is not None:
            self._registration.leave()

    def close(self) -> None:
        """Drop the pjsua2 objects."""
        if self._registration is not None:
            self._registration.close()
        departures, self._departures = self._departures, None
        outlet, self._outlet = self._outlet, None
        for part in (departures, outlet):
            if part is not None:
                part.close()

    def heard_call(self, call: PjCall, leg: SipLeg) -> None:
        """Take a call that came in."""
        self._house.keep(call)
        self._house.on_call(leg, self)

    def taker(self, source: str) -> SipAccount | None:
        """Return the account that takes a call from an address; pjsip chose this; any thread."""
        return self._house.taker(self, source)

    def heard_successor(self, call: PjCall, parties: Parties, replaces: Replaces) -> None:
        """Take a call that came in to take the place of another (RFC 3891)."""
        replaced = self._house.find_call(replaces)
        ears = None if replaced is None else replaced.ears
        refusal = DECLINED if ears is None else ears.refusal(is_early_only=replaces.is_early_only)
        if ears is not None and refusal is None:
            ears.heard_successor(call, parties, Takeover.REPLACES)
            return
        _log.info("A call from %s can't replace another now: %s", parties.remote_uri, refusal)
        self.refuse(call, refusal or DECLINED)

    def refuse(self, call: PjCall, code: int) -> None:
        """End a call that nobody takes, without telling anybody else."""
        self._house.keep(call)
        Retired(self._loop, call, self._house.let_go, leaves_within_s=0.0, sip_code=code)

    def heard_registration(self, code: int, reason: str, granted: Granted | None) -> None:
        """Take the registrar's answer, or the lack of one."""
        if self._registration is not None:
            self._registration.heard_answer(code, reason, granted)

    def heard_loss(self, loss: ConnectionLost) -> None:
        """Take note of a lost connection, which may have been ours."""
        if self._registration is not None:
            self._registration.heard_loss(loss)

    def look_around(self) -> None:
        """See whether our address is still what it was; something in the network has changed."""
        if self._registration is not None:
            self._registration.look_around()

    def heard_move(self, before: str, now: str) -> None:
        """Register from our new address; `SipStack` has told pjsip about it."""
        if self._registration is not None:
            self._registration.heard_move(before, now)

    def move(self, before: str, now: str) -> None:
        """Offer a new address for media in place of the one before."""
        if self._outlet is not None and self._outlet.way.source == before:
            with guarded("move"):
                self._outlet.use(replace(self._outlet.way, source=now))

    def log_headers(self, message: str) -> None:
        """Log the headers of a call that comes in, if `--debug-headers` asks for it."""
        if self._general.debug_headers:
            for name, value in all_headers(message):
                shown = "***" if name.lower() in _SECRET_HEADERS else value
                _log.info("Account %d, header %s: %s", self.number, name, shown)

    @property
    def _id(self) -> str:
        return self._settings.id_uri

    def _to_uri(self, number: str) -> str:
        """Make a URI from what people write."""
        return own_uri(number, self._id, self._settings.registrar_uri)
