"""Where calls begin: makes a session for every call that is placed or comes in."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hasip.calls import machine
from hasip.calls.call_state import Plan
from hasip.calls.menu import SILENT, menu_of
from hasip.calls.screening import AnswerMode
from hasip.calls.session import CallSession
from hasip.calls.uri import parse_number
from hasip.errors import CommandError
from hasip.events.model import (
    CallInfo,
    Direction,
    IncomingCall,
    OutgoingCallInitiated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.calls.call_state import Input
    from hasip.calls.menu_file import MenuFile
    from hasip.calls.ports import CallLeg, Line, Speaker
    from hasip.calls.registry import CallRegistry
    from hasip.commands.model import Command, Dial
    from hasip.events.model import Event
    from hasip.loop import Loop

_log = logging.getLogger(__name__)


class UnknownAccountError(CommandError):
    """A command names an account that there is not."""

    def __init__(self, wanted: int, configured: tuple[int, ...]) -> None:
        listed = ", ".join(map(str, configured)) or "none"
        super().__init__(f"sip_account {wanted} is not configured; configured: {listed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPorts:
    """What sessions are given to work with."""

    loop: Loop
    speaker: Speaker
    publish: Callable[[Event], None]
    run_action: Callable[[Command, CallSession], None]
    refuse: Callable[[Input, str, CallSession], None]


class CallDesk:
    """Begins calls on the lines there are; loop thread only."""

    def __init__(self, ports: DeskPorts, registry: CallRegistry, lines: Mapping[int, Line]) -> None:
        self._ports = ports
        self._registry = registry
        self._lines = lines
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

    def incoming(self, leg: CallLeg, line: Line, file: MenuFile) -> None:
        """Take a call that came in, and do with it what the line and its file say."""
        session = self._session(leg, line, Direction.INCOMING, file.webhooks)
        plan = Plan(file.tree, line.settle_time_s)
        if line.answer_mode is AnswerMode.REJECT:
            begin = machine.refused(line.reject_sip_code)
        else:
            number = session.info.parsed_remote_uri
            accepts = (
                line.answer_mode is AnswerMode.ACCEPT
                and not file.is_broken
                and file.filter.admits(number)
            )
            begin = machine.incoming(plan, file.answer_after_s if accepts else None)
        session.begin(*begin, IncomingCall())
        leg.attach(session)

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
        self, leg: CallLeg, line: Line, direction: Direction, webhooks: Mapping[str, str]
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
            loop=self._ports.loop,
            speaker=self._ports.speaker,
            publish=self._ports.publish,
            run_action=self._ports.run_action,
            refuse=self._ports.refuse,
            on_ended=self._remove,
        )
        self._registry.add(session)
        names = ", ".join(self._registry.names_of(session))
        _log.info("Registering call with id %s", names)
        return session

    def _remove(self, session: CallSession) -> None:
        self._registry.remove(session)
        _log.info("Removing call with id %s", session.info.internal_id)
        self._on_ended()
