"""A pjsua2 account with the way that its requests go, which is set before each leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.sip.account_config import account_config, media_source, set_helpers, set_way
from hasip.sip.errors import guarded, sip_errors
from hasip.sip.hop import Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.settings.model import Account, GlobalOptions
    from hasip.sip.account_config import Helpers
    from hasip.sip.pj_account import PjAccount


class Outlet:
    """Where the requests of an account leave; loop thread only.

    pjsip keeps the way with the account, so a way is set, and what is to go it leaves at once.
    """

    def __init__(
        self,
        account: PjAccount,
        settings: Account,
        general: GlobalOptions,
        *,
        helpers: Callable[[], Helpers],
        is_default: bool = False,
        registers: bool = True,
    ) -> None:
        """Make the account known to pjsip; raises `SipError`."""
        self.account = account
        self._settings = settings
        self._general = general
        self._helpers = helpers
        self._helped = helpers()
        self._config = account_config(settings, general, self._helped)
        self.way = Way()
        if not registers:
            # It calls only: what comes in is for the account that is registered.
            self._config.regConfig.registrarUri = ""
            self._config.priority = -1
        with sip_errors(f"set up account {settings.number}"):
            account.create(self._config, is_default)

    def use(self, way: Way) -> None:
        """Have requests go a way from now on; raises `SipError`.

        Another server makes pjsip forget the registration, so a REGISTER must follow.
        """
        helpers = self._helpers()
        if self._differs(way) or helpers != self._helped:
            set_way(self._config, self._settings, self._general, way)
            set_helpers(self._config, self._settings.options, helpers)
            with sip_errors(f"change account {self._settings.number}"):
                self.account.modify(self._config)
        self.way, self._helped = way, helpers

    def _differs(self, way: Way) -> bool:
        """Tell whether a way means something else to pjsip; to change an account takes 0.2 ms."""
        before, now = (media_source(self._general, one) for one in (self.way, way))
        return (self.way.target, before) != (way.target, now)

    def close(self) -> None:
        """Let pjsip forget it."""
        self.account.forget_owner()
        with guarded("close account"):
            self.account.shutdown()
