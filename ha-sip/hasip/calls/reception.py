"""What an account does with calls that come in; the settings say it first, people may change it."""

from __future__ import annotations

from hasip.calls.screening import AnswerMode

# RFC 3261 §21.4.18 has do-not-disturb among its reasons.
TEMPORARILY_UNAVAILABLE = 480


class Reception:
    """The answer mode and do-not-disturb of one account; loop thread only."""

    def __init__(self, configured: AnswerMode, reject_sip_code: int) -> None:
        self.configured = configured
        self.chosen = configured
        self.do_not_disturb = False
        self._reject_sip_code = reject_sip_code

    @property
    def mode(self) -> AnswerMode:
        """Return what becomes of the next call."""
        return AnswerMode.REJECT if self.do_not_disturb else self.chosen

    @property
    def reject_sip_code(self) -> int:
        """Return the final response to a call that is rejected."""
        return TEMPORARILY_UNAVAILABLE if self.do_not_disturb else self._reject_sip_code
