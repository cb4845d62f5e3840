"""Registers the accounts and places a call, with the stack that the gateway itself uses."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import field
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.doctor.hints import registration_hint
from hasip.doctor.turning import turn_until
from hasip.errors import SipError
from hasip.events.model import RegistrationChanged, RegistrationState
from hasip.sip.endpoint import SipStack
from hasip.sip.registration import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasip.doctor.hints import Names
    from hasip.doctor.report import Report
    from hasip.loop import Loop
    from hasip.settings.model import Account, Settings
    from hasip.sip.account import SipAccount
    from hasip.sip.call import SipLeg

REGISTERED_WITHIN_S = 12.0
# After a failure another server of the same name may do it.
NEXT_SERVER_WITHIN_S = 7.0
LEFT_WITHIN_S = 3.0
BUSY_HERE = 486


@dataclass(slots=True)
class _Heard:
    """What registrars said, by account."""

    last: dict[int, RegistrationChanged] = field(default_factory=dict)

    def take(self, change: RegistrationChanged) -> None:
        self.last[change.sip_account] = change

    def is_final(self, account: int) -> bool:
        """Tell whether it is registered, or refused for good."""
        change = self.last.get(account)
        return change is not None and (
            change.state is RegistrationState.REGISTERED or change.sip_code in REFUSED
        )


class Telephone:
    """The stack under examination; loop thread only."""

    def __init__(self, loop: Loop, settings: Settings, put_log_line: Callable[[str], None]) -> None:
        self._loop = loop
        self._settings = settings
        self._heard = _Heard()
        self._stack = SipStack(
            loop,
            settings,
            put_log_line,
            on_call=_refuse,
            on_registration=self._heard.take,
        )

    def start(self, report: Report) -> bool:
        """Open the transports and begin to register; tells whether there are any."""
        port = self._settings.sip.port
        try:
            with _quiet():  # pjsip greets before it can be told where to
                self._stack.start()
        except SipError as error:
            hint = f"does ha-sip or a phone run here? Stop it, or set another port than {port}"
            report.fail("SIP stack", str(error), hint)
            return False
        report.ok("SIP stack", self._stack.describe())
        return True

    def check_registration(self, report: Report, account: Account, names: Names) -> bool:
        """Say whether an account is registered, and if not, why; tells whether calls may work."""
        number = account.number
        if number not in self._stack.accounts:
            report.fail("account", self._stack.account_states.get(number, "off"), "see above")
            return False
        if account.registrar_uri is None:
            report.ok("register", "there is no registrar; direct calls need none")
            return True
        heard = self._heard
        turn_until(self._loop, lambda: number in heard.last, REGISTERED_WITHIN_S)
        if number in heard.last and not heard.is_final(number):
            turn_until(self._loop, lambda: heard.is_final(number), NEXT_SERVER_WITHIN_S)
        change = heard.last.get(number)
        if change is None:
            text = f"no answer within {REGISTERED_WITHIN_S:.0f} s"
            report.fail("register", text, registration_hint(408, account, names))
            return False
        said = f"{change.sip_code} {change.sip_reason}" if change.sip_code else change.sip_reason
        if change.state is RegistrationState.REGISTERED:
            report.ok("register", f"{account.id_uri} is registered ({said})")
            return True
        report.fail("register", said, registration_hint(change.sip_code, account, names))
        return False

    def line(self, number: int) -> SipAccount:
        """Return an account to call by."""
        return self._stack.accounts[number]

    def close(self) -> None:
        """Unregister, and stop."""
        self._stack.leave()
        accounts = self._stack.accounts.values()
        turn_until(self._loop, lambda: all(one.has_left for one in accounts), LEFT_WITHIN_S)
        self._stack.stop()


def _refuse(leg: SipLeg, _account: SipAccount) -> None:
    with contextlib.suppress(SipError):
        leg.hang_up(BUSY_HERE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what native code prints away from standard output."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # else it is printed at the end, where that is no terminal
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
