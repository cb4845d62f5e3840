"""Where calls begin: makes a session for every call that is placed or comes in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.calls import machine
from hasip.calls.call_state import PinLocked, Plan
from hasip.calls.menu import SILENT, menu_of
from hasip.calls.pin_guard import PinGuard
from hasip.calls.screening import AnswerMode
from hasip.calls.session import CallSession
from hasip.calls.uri import parse_number
from hasip.errors import CommandError
from hasip.events.model import (
    CallInfo,
    Direction,
    IncomingCall,
    OutgoingCallInitiated,
    PinFailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.calls.call_state import PinTried
    from hasip.calls.menu_file import MenuFile
    from hasip.calls.ports import CallLeg, Line
    from hasip.calls.registry import CallRegistry
    from hasip.calls.session import SessionPorts
    from hasip.commands.model import Answer, Dial

_log = logging.getLogger(__name__)


class UnknownAccountError(CommandError):
    """A command names an account that there is not."""

    def __init__(self, wanted: int, configured: tuple[int, ...]) -> None:
        listed = ", ".join(map(str, configured)) or "none"
        super().__init__(f"sip_account {wanted} is not configured; configured: {listed}")


class CallDesk:
    """Begins calls on the lines there are; loop thread only."""

    def __init__(
        self, ports: SessionPorts, registry: CallRegistry, lines: Mapping[int, Line]
    ) -> None:
        self._ports = ports
        self._registry = registry
        self._lines = lines
        self._pin_guard = PinGuard(ports.loop.clock)
        self._on_ended: Callable[[], None] = lambda: None

    def when_call_ends(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every call that ended."""
        self._on_ended = listener

    def dial(self, command: Dial) -> CallSession:
        """Place a call; raises `CommandError` or `SipError`, and then there is no call."""
        active = self._registry.find(command.number)
        if active is not None:
            msg = f"a call with {command.number} is active already ({active.info.internal_id})"
            raise CommandError(msg)
        line = self._line(command.sip_account)
        tree = menu_of(command) or SILENT
        leg = line.place_call(command.number)
        session = self._session(leg, line, Direction.OUTGOING, command.webhook_to_call)
        state, effects = machine.outgoing(Plan(tree, line.settle_time_s), command.ring_timeout_s)
        session.begin(state, effects, OutgoingCallInitiated(), command.request_id)
        leg.attach(session)
        return session

    def answer(self, command: Answer, session: CallSession) -> None:
        """Answer a call; raises `CommandError` if that would let a guesser of codes go on."""
        tree = menu_of(command)
        is_guess = session.asks_for_pin if tree is None else tree.asks_for_pin
        if is_guess and self._pin_guard.is_locked(*_guesser(session)):
            caller = session.info.parsed_remote_uri
            msg = f"{caller} is locked out after wrong codes, and the menu asks for a code"
            raise CommandError(msg)
        session.answer(tree, command.webhook_to_call, command.request_id)

    def incoming(self, leg: CallLeg, line: Line, file: MenuFile) -> None:
        """Take a call that came in, and do with it what the line and its file say."""
        wants = line.answer_mode is AnswerMode.ACCEPT and not file.is_broken
        session = self._session(leg, line, Direction.INCOMING, file.webhooks)
        session.is_filtered = wants and not self._admits(session, file)
        plan = Plan(file.tree, line.settle_time_s)
        if line.answer_mode is AnswerMode.REJECT:
            begin = machine.refused(line.reject_sip_code)
        else:
            accepts = wants and not session.is_filtered
            begin = machine.incoming(plan, file.answer_after_s if accepts else None)
        session.begin(*begin, IncomingCall())
        leg.attach(session)

    def _admits(self, session: CallSession, file: MenuFile) -> bool:
        """Tell whether a caller may be answered."""
        if not file.filter.admits(session.info.remote_uri):
            return False
        if self._pin_guard.is_locked(*_guesser(session)):
            shown = session.info.parsed_remote_uri
            _log.warning("[%s] is locked out after wrong codes; only listening", shown)
            return False
        return True

    def _line(self, wanted: int | None) -> Line:
        if not self._lines:
            msg = "no SIP account is enabled and usable; see the log for what is wrong with them"
            raise CommandError(msg)
        if wanted is None:
            return self._lines[min(self._lines)]
        line = self._lines.get(wanted)
        if line is None:
            raise UnknownAccountError(wanted, tuple(sorted(self._lines)))
        return line

    def _session(
        self,
        leg: CallLeg,
        line: Line,
        direction: Direction,
        webhooks: Mapping[str, str],
    ) -> CallSession:
        info = CallInfo(
            internal_id=self._registry.free_id(leg.remote_uri),
            call_id=leg.call_id,
            sip_account=line.number,
            direction=direction,
            remote_uri=leg.remote_uri,
            local_uri=leg.local_uri,
            parsed_remote_uri=parse_number(leg.remote_uri),
            parsed_local_uri=parse_number(leg.local_uri),
            headers=leg.headers,
            webhooks=webhooks,
        )
        session = CallSession(
            info=info,
            leg=leg,
            ports=self._ports,
            find=self._registry.find,
            pin_tried=self._pin_tried,
            on_ended=self._remove,
        )
        self._registry.add(session)
        names = ", ".join(self._registry.names_of(session))
        _log.info("Registering call with id %s", names)
        return session

    def _pin_tried(self, tried: PinTried, session: CallSession) -> None:
        """Count a code; one wrong too many ends every call of that caller that asks for one."""
        account, caller = _guesser(session)
        if tried.is_right:
            self._pin_guard.right(account, caller)
            return
        attempts = self._pin_guard.attempts(caller) + 1
        is_locked = self._pin_guard.wrong(account, caller, tried.max_attempts, tried.lockout_s)
        failed = PinFailed(
            attempts=attempts, max_attempts=tried.max_attempts, menu_id=tried.menu_id
        )
        session.tell(failed)
        if is_locked:
            lockout_s = max(tried.lockout_s, self._pin_guard.locked_for_s(account, caller))
            _log.warning(
                "[%s] too many wrong codes: hung up, and not answered for %.0f s",
                session.info.internal_id,
                lockout_s,
            )
            for call in self._registry:
                theirs = _guesser(call)
                if theirs[1] == caller or self._pin_guard.is_locked(*theirs):
                    call.feed(PinLocked(lockout_s))

    def _remove(self, session: CallSession) -> None:
        self._registry.remove(session)
        _log.info("Removing call with id %s", session.info.internal_id)
        self._on_ended()


def _guesser(session: CallSession) -> tuple[int, str]:
    """Return whom the codes that are typed in a call are counted for."""
    return session.info.sip_account, session.compared_number
