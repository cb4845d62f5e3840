"""One SIP account: its registration, and the calls that come in by it.

pjsua would retry only some failures, and pauses for 300 s after two time-outs. So its own retries
are off, and registration is kept up from here, for ever: soon after a time-out, slowly after a
refused password, which must not be hammered.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hasip.backoff import Backoff
from hasip.calls.reception import Reception
from hasip.calls.uri import own_uri
from hasip.errors import HaSipError, SipError
from hasip.events.model import RegistrationChanged, RegistrationState
from hasip.sip.account_config import Helpers
from hasip.sip.build import IS_OURS
from hasip.sip.call import LegContext
from hasip.sip.departures import Departures, Station
from hasip.sip.errors import BusyError, guarded, sip_errors
from hasip.sip.hop import needed
from hasip.sip.nat_servers import ServerWatch, ask_turn
from hasip.sip.outlet import Outlet
from hasip.sip.pj_account import PjAccount
from hasip.sip.pj_call import CallRules
from hasip.sip.received import all_headers
from hasip.sip.sources import Sources
from hasip.sip.succession import Retired

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.calls.screening import AnswerMode
    from hasip.loop import Loop, Timer
    from hasip.settings.model import Account, GlobalOptions
    from hasip.sip.call import SipLeg
    from hasip.sip.hop import Hop, Hops, Way
    from hasip.sip.locate import Target
    from hasip.sip.pj_account import Granted
    from hasip.sip.pj_call import PjCall
    from hasip.sip.transports import ConnectionLost
    from hasip.tones.ears import ToneEars

_log = logging.getLogger(__name__)

# How often the registrar is told anew, whatever expiry it grants: from 36 to 54 s, by chance, so
# that accounts spread. One that was restarted has forgotten us; this bounds the time during which
# nobody can call. OPTIONS would not tell: a registrar answers it for whomever it forgot, too.
REFRESH_S = 45.0
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
# After 401, 403 and 404 the mistake is most likely in the settings.
FIRST_RETRY_REFUSED_S = 30.0
LONGEST_RETRY_REFUSED_S = 900.0
# After a lost connection an account registers anew at once, but not more often than this.
LOSSES_APART_S = 10.0
REFUSED = frozenset({401, 403, 404, 407})
OK = 200
FORBIDDEN = 403
REQUEST_TIMEOUT = 408
# How long a server may be silent if there are others. The wheel's pjsip sends nothing else before
# a REGISTER is answered or 32 s are over; the one that is built from source does.
NO_ANSWER_S = 5.0
CAN_GIVE_UP = IS_OURS
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization"})

_REFRESH = Backoff(REFRESH_S, REFRESH_S)
_AWAY = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
_SOON = Backoff(0.3, 0.3)
_REFUSED = Backoff(FIRST_RETRY_REFUSED_S, LONGEST_RETRY_REFUSED_S)


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
            server, kind, ca = (
                options.turn_server,
                options.turn_connection_type,
                general.tls_ca_file,
            )
            self._turn = ServerWatch(loop, lambda: ask_turn(server, kind, ca))
        self.sources = Sources(loop, house.hops, settings)
        self._outlet: Outlet | None = None
        self._hop: Hop | None = None  # of the proxy, or of the registrar
        self._departures: Departures | None = None
        self._timer: Timer | None = None
        self._failures = 0
        self._last_code = 0  # of the last failure
        self._tried: set[Target] = set()  # servers that did not take our registration
        self._is_registered = False
        self._registration = "registering" if settings.registrar_uri else "without registrar"
        self._registered_by: str | None = None  # "UDP", "TCP", "TLS"
        self._source: str | None = None  # our address when we registered last
        self._loss_heard_at = -LOSSES_APART_S
        self._is_pending = False  # a REGISTER has no answer yet
        self._is_leaving = False
        self._is_unregistering = False

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
        return not self._is_registered and not self._is_pending

    @property
    def state(self) -> str:
        """Return the account and how its registration is, for people."""
        return f"{self._id}, {self._registration}"

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
        hops = self._house.hops
        self._hop = hops.hop(first) if first else None
        station = Station(
            hops=hops,
            hop=self._hop,
            outlet=self._outlet,
            make_outlet=lambda: (
                self._make_outlet(registers=False) if self._house.take_room() else None
            ),
            on_moved=self._register,
        )
        self._departures = Departures(self._loop, self._settings, station)
        if self._settings.registrar_uri:
            self._register()
        else:
            _log.info("Account %d (%s): no registrar, direct calls", self.number, self._id)

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
        if not self._settings.registrar_uri:
            msg = f"account {self.number} has no registrar"
            raise SipError(msg)
        if not self._is_pending:
            self._failures = 0
            self._cancel_timer()
            self._register()

    def leave(self) -> None:
        """Ask the registrar to take us out of its list."""
        self._is_leaving = True
        self._cancel_timer()
        if self._is_registered and not self._is_pending:
            self._unregister()
        # Else the answer that is on its way says whether there is anything to leave.

    def close(self) -> None:
        """Drop the pjsua2 objects."""
        self._cancel_timer()
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

    def refuse(self, call: PjCall) -> None:
        """End a call that nobody takes, without telling anybody else."""
        self._house.keep(call)
        Retired(self._loop, call, self._house.let_go, leaves_within_s=0.0, sip_code=FORBIDDEN)

    def heard_registration(self, code: int, reason: str, granted: Granted | None = None) -> None:
        """Take the registrar's answer, or the lack of one, and plan the next try."""
        if code != OK and not self._is_pending:
            return  # the request failed at once, which was told then
        self._is_pending = False
        if self._is_leaving and code == OK and not self._is_unregistering:
            self._unregister()
            return
        if code != OK and not self._is_leaving:
            self._heard_failure(code, reason)
            return
        was_registered = self._is_registered and self._registered_by is not None
        self._registered_by = granted.transport if granted is not None else None
        if granted is not None:
            self.sources.learn(granted.source)
        self._is_registered = code == OK and not self._is_leaving
        self._tell_registration(code, reason)
        if self._is_leaving:
            _log.info("Account %d: unregistered (%d %s)", self.number, code, reason)
            return
        if not was_registered:
            _log.info("Account %d (%s): registered", self.number, self._id)
        self._failures = 0
        self._tried.clear()
        self._try_again_in(REFRESH_S if granted is None else _refresh_s(granted))

    def heard_loss(self, loss: ConnectionLost) -> None:
        """Register anew soon if it may have been our connection that was lost.

        A registrar calls us by the connection that we made (RFC 5626); if it is gone, nobody can
        call. Which account it belonged to is not known; strangers who connect and hang up must not
        make us register all the time.
        """
        if not self._is_registered or self._is_leaving or loss.transport != self._registered_by:
            return
        now = self._loop.clock.now()
        wait_s = max(self._loss_heard_at + LOSSES_APART_S - now, _SOON.wait_s(1))
        self._loss_heard_at = now + wait_s
        self._registered_by = None  # one loss, one try
        _log.info(
            "Account %d: a %s connection has ended (%s); registering anew in %.1f s",
            self.number,
            loss.transport,
            loss.reason,
            wait_s,
        )
        self._try_again_in(wait_s)

    def look_around(self) -> None:
        """See whether our address is still what it was; something in the network has changed."""
        if self._settings.registrar_uri and self._hop is not None and not self._is_leaving:
            self._hop.find(self._looked_around)

    def _looked_around(self, found: Way | HaSipError) -> None:
        if isinstance(found, HaSipError) or self._is_leaving or self._has_moved(found):
            return
        is_back = found.source is not None and not self._is_registered and not self._is_pending
        if is_back and self._last_code not in REFUSED:
            self._try_again_in(_SOON.wait_s(1))

    def _has_moved(self, way: Way) -> bool:
        """Tell whether our address is another one now, and have that seen to."""
        before, now = self._source, way.source
        if before is None or now is None or before == now or self._general.bind_address:
            return False
        self._house.on_moved(before, now)
        return True

    def move(self, before: str, now: str) -> None:
        """Offer a new address for media in place of the one before."""
        if self._outlet is not None and self._outlet.way.source == before:
            with guarded("move"):
                self._outlet.use(replace(self._outlet.way, source=now))

    def heard_move(self) -> None:
        """Register from our new address; `SipStack` has told pjsip about it."""
        if self._settings.registrar_uri and not self._is_leaving:
            self._source = self._registered_by = None
            self._is_pending = False
            self._failures = 0
            self._try_again_in(_SOON.wait_s(1))

    def _tell_registration(self, code: int, reason: str) -> None:
        if self._is_registered:
            state = RegistrationState.REGISTERED
        elif self._is_leaving:
            state = RegistrationState.UNREGISTERED
        else:
            state = RegistrationState.FAILED
        said = f" ({code} {reason})" if state is RegistrationState.FAILED else ""
        told = f"{state}{said}"
        if told != self._registration:
            self._registration = told
            self._house.on_registration(
                RegistrationChanged(
                    sip_account=self.number, state=state, sip_code=code, sip_reason=reason
                )
            )

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

    def _register(self) -> None:
        if self._hop is not None and not self._is_leaving:
            self._hop.find(self._send_register)

    def _send_register(self, found: Way | HaSipError) -> None:
        if self._outlet is None or self._is_leaving or self._is_pending:
            return
        try:
            way = needed(found)
            if self._has_moved(way):
                return
            self._source = way.source
            if way.target is not None:
                self._tried.add(way.target)
            self._outlet.use(way)
            with sip_errors(f"register account {self.number}"):
                self._outlet.account.setRegistration(True)
            self._is_pending = True
        except BusyError:
            self._is_pending = True  # pjsip registers by itself, after a move
        except SipError as error:
            self._heard_failure(0, str(error))
        else:
            if CAN_GIVE_UP and self._hop is not None and self._hop.has_others:
                self._cancel_timer()
                self._timer = self._loop.call_later(NO_ANSWER_S, self._give_server_up)

    def _give_server_up(self) -> None:
        """Go on to another server, before pjsip's own 32 s are over."""
        self._is_pending = False
        self._heard_failure(REQUEST_TIMEOUT, "No answer")

    def _heard_failure(self, code: int, reason: str) -> None:
        """Try the next server at once, and after the last one wait."""
        self._is_registered = False
        self._last_code = code
        self._tell_registration(code, reason)
        if code not in REFUSED and self._hop is not None and self._hop.go_on(self._tried):
            self._try_again_in(0)
            return
        self._tried.clear()
        self._failures += 1
        wait_s = (_REFUSED if code in REFUSED else _AWAY).wait_s(self._failures)
        _log.warning(
            "Account %d (%s): registration at %s failed: %s; next try in %.0f s",
            self.number,
            self._id,
            self._settings.registrar_uri,
            f"{code} {reason}" if code else reason,
            wait_s,
        )
        self._try_again_in(wait_s)

    def _unregister(self) -> None:
        if self._outlet is not None:
            self._is_pending = self._is_unregistering = True
            with guarded("unregister"):
                self._outlet.account.setRegistration(False)

    def _try_again_in(self, wait_s: float) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(wait_s, self._register)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _refresh_s(granted: Granted) -> float:
    """Return when to register again, in good time before the end."""
    in_time = granted.expires_s / 2 if granted.expires_s > 0 else REFRESH_S
    return min(_REFRESH.wait_s(1), in_time)
