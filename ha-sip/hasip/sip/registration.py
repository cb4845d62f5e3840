"""Keeps an account in its registrar's list, for ever.

pjsua would retry only some failures, and pauses for 300 s after two time-outs. So its own retries
are off, and registration is kept up from here: tried again soon after a time-out, slowly after a
refused password, which must not be hammered.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from hasip.backoff import Backoff
from hasip.dataclass import dataclass
from hasip.errors import HaSipError, SipError
from hasip.events.model import RegistrationChanged, RegistrationState
from hasip.sip.errors import BusyError, guarded, sip_errors
from hasip.sip.hop import needed
from hasip.sip.patience import waiting_at_most

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop, Timer
    from hasip.settings.model import Account
    from hasip.sip.hop import Hop, Way
    from hasip.sip.locate import Target
    from hasip.sip.outlet import Outlet
    from hasip.sip.pj_account import Granted
    from hasip.sip.transports import ConnectionLost

_log = logging.getLogger(__name__)

# How often the registrar is told anew, whatever expiry it grants: from 32 to 48 s, by chance, so
# that accounts spread. One that was restarted has forgotten us; this bounds the time during which
# nobody can call. OPTIONS would not tell: a registrar answers it for whomever it forgot, too.
REFRESH_S = 40.0
FIRST_RETRY_S = 2.0
# With the chance and the exchange itself, a registrar that is back is found within a minute.
LONGEST_RETRY_S = 40.0
# After 401, 403 and 404 the mistake is most likely in the settings.
FIRST_RETRY_REFUSED_S = 30.0
LONGEST_RETRY_REFUSED_S = 900.0
# After a lost connection an account registers anew at once, but not more often than this.
LOSSES_APART_S = 10.0
REFUSED = frozenset({401, 403, 404, 407})
OK = 200
# When nothing was heard of a REGISTER, not even that there was no answer, it is tried again. pjsip
# gives each request 33 s, and with a challenge there are two.
LOST_AFTER_S = 75.0
# How long a server may be silent if there are others.
NO_ANSWER_S = 5.0

_REFRESH = Backoff(REFRESH_S, REFRESH_S)
_AWAY = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
_SOON = Backoff(0.3, 0.3)
_REFUSED = Backoff(FIRST_RETRY_REFUSED_S, LONGEST_RETRY_REFUSED_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationContext:
    """What the account has and does for its registration."""

    outlet: Outlet
    hop: Hop  # to its proxy, or its registrar
    is_fixed: bool  # our address, by the settings
    on_change: Callable[[RegistrationChanged], None]
    on_moved: Callable[[str, str], None]  # our address was, and is now
    learn: Callable[[str], None]  # an address that answered us


class Registration:
    """The registration of one account; loop thread only."""

    def __init__(self, loop: Loop, settings: Account, context: RegistrationContext) -> None:
        self._loop = loop
        self._settings = settings
        self._context = context
        self._timer: Timer | None = None
        self._failures = 0
        self._last_code = 0  # of the last failure
        self._tried: set[Target] = set()  # servers that did not take our registration
        self._is_registered = False
        self._state = "registering"
        self._registered_by: str | None = None  # "UDP", "TCP", "TLS"
        self._source: str | None = None  # our address when we registered last
        self._loss_heard_at = -LOSSES_APART_S
        self._lost: Timer | None = None  # runs while a REGISTER has no answer yet
        self._is_leaving = False
        self._is_unregistering = False

    @property
    def state(self) -> str:
        """Return how it is, for people."""
        return self._state

    @property
    def has_left(self) -> bool:
        """Tell whether the registrar will not send us calls any more, as far as it said."""
        return not self._is_registered and not self._is_pending

    @property
    def _is_pending(self) -> bool:
        return self._lost is not None

    def register(self) -> None:
        """Find the registrar, and ask it for a place in its list."""
        if not self._is_leaving:
            self._context.hop.find(self._send_register)

    def again(self) -> None:
        """Try now, not when it is due."""
        if not self._is_pending:
            self._failures = 0
            self._cancel_timer()
            self.register()

    def leave(self) -> None:
        """Ask the registrar to take us out of its list."""
        self._is_leaving = True
        self._cancel_timer()
        if self._is_registered and not self._is_pending:
            self._unregister()
        # Else the answer that is on its way says whether there is anything to leave.

    def close(self) -> None:
        """Do nothing any more."""
        self._is_leaving = self._is_unregistering = True
        self._cancel_timer()
        self._expect_nothing()

    def heard_answer(self, code: int, reason: str, granted: Granted | None = None) -> None:
        """Take the registrar's answer, or the lack of one, and plan the next try."""
        if code != OK and not self._is_pending:
            return  # the request failed at once, which was told then
        self._expect_nothing()
        if self._is_leaving and code == OK and not self._is_unregistering:
            self._unregister()
            return
        if code != OK and not self._is_leaving:
            self._heard_failure(code, reason)
            return
        was_registered = self._is_registered and self._registered_by is not None
        self._registered_by = granted.transport if granted is not None else None
        if granted is not None:
            self._context.learn(granted.source)
        self._is_registered = code == OK and not self._is_leaving
        self._tell(code, reason)
        if self._is_leaving:
            _log.info("Account %d: unregistered (%d %s)", self._settings.number, code, reason)
            return
        if not was_registered:
            _log.info("Account %d (%s): registered", self._settings.number, self._settings.id_uri)
        self._failures = 0
        self._tried.clear()
        self._try_again_in(REFRESH_S if granted is None else refresh_s(granted))

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
            self._settings.number,
            loss.transport,
            loss.reason,
            wait_s,
        )
        self._try_again_in(wait_s)

    def look_around(self) -> None:
        """See whether our address is still what it was; something in the network has changed."""
        if not self._is_leaving:
            self._context.hop.find(self._looked_around)

    def _looked_around(self, found: Way | HaSipError) -> None:
        if isinstance(found, HaSipError) or self._is_leaving or self._has_moved(found):
            return
        is_back = found.source is not None and not self._is_registered and not self._is_pending
        if is_back and self._last_code not in REFUSED:
            self._try_again_in(_SOON.wait_s(1))

    def _has_moved(self, way: Way) -> bool:
        """Tell whether our address is another one now, and have that seen to."""
        before, now = self._source, way.source
        if before is None or now is None or before == now or self._context.is_fixed:
            return False
        self._context.on_moved(before, now)
        return True

    def heard_move(self, before: str, now: str) -> None:
        """Register from our new address; `SipStack` has told pjsip about it."""
        if not self._is_leaving:
            self._registered_by = None
            if self._source == before:
                self._source = now
            self._expect_nothing()
            self._failures = 0
            self._try_again_in(_SOON.wait_s(1))

    def _tell(self, code: int, reason: str) -> None:
        if self._is_registered:
            state = RegistrationState.REGISTERED
        elif self._is_leaving:
            state = RegistrationState.UNREGISTERED
        else:
            state = RegistrationState.FAILED
        said = f" ({code} {reason})" if state is RegistrationState.FAILED else ""
        told = f"{state}{said}"
        if told != self._state:
            self._state = told
            self._context.on_change(
                RegistrationChanged(
                    sip_account=self._settings.number, state=state, sip_code=code, sip_reason=reason
                )
            )

    def _send_register(self, found: Way | HaSipError) -> None:
        if self._is_leaving or self._is_pending:
            return
        try:
            way = needed(found)
            if self._has_moved(way):
                return
            self._source = way.source
            if way.target is not None:
                self._tried.add(way.target)
            self._context.outlet.use(way)
            has_others = self._context.hop.has_others
            with (
                sip_errors(f"register account {self._settings.number}"),
                waiting_at_most(NO_ANSWER_S) if has_others else contextlib.nullcontext(),
            ):
                self._context.outlet.account.setRegistration(True)
            self._expect_answer()
        except BusyError:
            self._expect_answer()  # pjsip registers by itself, after a move
        except SipError as error:
            self._heard_failure(0, str(error))

    def _heard_failure(self, code: int, reason: str) -> None:
        """Try the next server at once, and after the last one wait."""
        self._is_registered = False
        self._last_code = code
        self._tell(code, reason)
        if code not in REFUSED and self._context.hop.go_on(self._tried):
            self._try_again_in(0)
            return
        self._tried.clear()
        self._failures += 1
        wait_s = (_REFUSED if code in REFUSED else _AWAY).wait_s(self._failures)
        _log.warning(
            "Account %d (%s): registration at %s failed: %s; next try in %.0f s",
            self._settings.number,
            self._settings.id_uri,
            self._settings.registrar_uri,
            f"{code} {reason}" if code else reason,
            wait_s,
        )
        self._try_again_in(wait_s)

    def _unregister(self) -> None:
        self._is_unregistering = True
        self._expect_answer()
        with guarded("unregister"):
            self._context.outlet.account.setRegistration(False)

    def _expect_answer(self) -> None:
        self._expect_nothing()
        self._lost = self._loop.call_later(LOST_AFTER_S, self._heard_nothing)

    def _expect_nothing(self) -> None:
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None

    def _heard_nothing(self) -> None:
        self._lost = None
        if not self._is_leaving:
            self._heard_failure(0, f"pjsip has told nothing of it for {LOST_AFTER_S:.0f} s")

    def _try_again_in(self, wait_s: float) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(wait_s, self.register)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def refresh_s(granted: Granted) -> float:
    """Return when to register again, in good time before the end."""
    in_time = granted.expires_s / 2 if granted.expires_s > 0 else REFRESH_S
    return min(_REFRESH.wait_s(1), in_time)
