"""What an account's buttons, switches and fields in Home Assistant do."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol

from hasip.calls.screening import AnswerMode
from hasip.commands.model import Answer, Dial, Hangup
from hasip.commands.reading import read
from hasip.errors import CommandError, SipError
from hasip.events.model import CallDisconnected, CallEvent, OutgoingCallInitiated
from hasip.mqtt.board import OFF, ON, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hasip.calls.reception import Reception
    from hasip.commands.model import Command
    from hasip.events.model import Event
    from hasip.mqtt.board import AccountBoard

_log = logging.getLogger(__name__)

LONGEST_NUMBER = 255
# Messages that wait for the call before them to end.
MOST_MESSAGES = 10


class RunningAccount(Protocol):
    """An account that is in use. Loop thread only."""

    @property
    def reception(self) -> Reception:
        """Return what it does with calls that come in."""
        ...

    def register_again(self) -> None:
        """Try to register now; raises `SipError` without a registrar."""
        ...


class AccountControls:
    """Carries out what people do with one account's entities; loop thread only."""

    def __init__(
        self,
        account: RunningAccount,
        board: AccountBoard,
        dispatch: Callable[[Command], None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        """`later` runs something when what happens now has been told to everybody."""
        self._account = account
        self._board = board
        self._dispatch = dispatch
        self._later = later
        self._number = ""
        self._notify_number = ""
        self._last_dialled = ""
        self._messages: deque[str] = deque()
        self._speaking_to: str | None = None  # the call that says a message
        self._acts: dict[str, Callable[[str], None]] = {
            "answer": self._answer,
            "hangup": self._hang_up,
            "redial": self._redial,
            "dial": self._dial,
            "register": self._register,
            "do_not_disturb": self._set_do_not_disturb,
            "answer_mode": self._set_answer_mode,
            "number": self._set_number,
            "notify_number": self._set_notify_number,
            "speak": self._speak,
        }

    def act(self, key: str, payload: str) -> Iterator[State]:
        """Do what an entity wants, and yield what changes; what can't be done is logged."""
        act = self._acts.get(key)
        try:
            if act is None:
                msg = f"known are {', '.join(self._acts)}"
                raise CommandError(msg)  # noqa: TRY301 - all refusals end in one place
            act(payload)
        except (CommandError, SipError) as error:
            _log.warning("MQTT: account %d, %s: %s", self._board.account, key, error)
        yield from self.states()

    def take(self, event: Event) -> None:
        """Take from an event what the controls need to know."""
        if not isinstance(event, CallEvent) or event.call.sip_account != self._board.account:
            return
        match event.what:
            case OutgoingCallInitiated():
                self._last_dialled = event.call.remote_uri
            case CallDisconnected() if event.call.internal_id == self._speaking_to:
                self._speaking_to = None
                self._later(self._say_next)
            case _:
                pass

    def states(self) -> Iterator[State]:
        """Yield what the controls show."""
        reception = self._account.reception
        yield State("do_not_disturb", ON if reception.do_not_disturb else OFF)
        yield State("answer_mode", reception.chosen.value)
        yield State("number", self._number)
        yield State("notify_number", self._notify_number)

    def kept(self) -> dict[str, object]:
        """Return what is to survive a restart."""
        reception = self._account.reception
        return {
            "configured_mode": reception.configured.value,
            "answer_mode": reception.chosen.value,
            "do_not_disturb": reception.do_not_disturb,
            "number": self._number,
            "notify_number": self._notify_number,
            "last_dialled": self._last_dialled,
        }

    def restore(self, kept: Mapping[str, object]) -> None:
        """Go on with what was kept; an answer mode only if the settings are still those."""
        reception = self._account.reception
        if kept.get("configured_mode") == reception.configured.value:
            mode = _text(kept.get("answer_mode"))
            known = {known.value: known for known in AnswerMode}
            reception.chosen = known.get(mode, reception.chosen)
        self._quieten(is_on=kept.get("do_not_disturb") is True)
        self._number = self._number or _text(kept.get("number"))
        self._notify_number = self._notify_number or _text(kept.get("notify_number"))
        self._last_dialled = self._last_dialled or _text(kept.get("last_dialled"))

    # --- what each entity does --------------------------------------------------------------

    def _answer(self, _: str) -> None:
        call = self._board.ringing
        if call is None:
            msg = "no call rings"
            raise CommandError(msg)
        self._dispatch(Answer(command="answer", number=call.internal_id))

    def _hang_up(self, _: str) -> None:
        calls = self._board.calls
        if not calls:
            msg = "there is no call"
            raise CommandError(msg)
        for call in calls:
            self._dispatch(Hangup(command="hangup", number=call.internal_id))

    def _redial(self, _: str) -> None:
        self._call(self._last_dialled, "nothing was dialled yet")

    def _dial(self, _: str) -> None:
        self._call(self._number, "there is no number to dial")

    def _call(self, number: str, problem: str) -> None:
        if not number:
            raise CommandError(problem)
        self._dispatch(Dial(command="dial", number=number, sip_account=self._board.account))

    def _register(self, _: str) -> None:
        self._account.register_again()

    def _set_do_not_disturb(self, payload: str) -> None:
        if payload not in (ON, OFF):
            msg = f"must be {ON} or {OFF}"
            raise CommandError(msg)
        self._quieten(is_on=payload == ON)
        _log.info("Account %d: do not disturb is %s", self._board.account, payload)

    def _quieten(self, *, is_on: bool) -> None:
        self._account.reception.do_not_disturb = self._board.is_quiet = is_on

    def _set_answer_mode(self, payload: str) -> None:
        try:
            self._account.reception.chosen = AnswerMode(payload)
        except ValueError as error:
            msg = f"must be one of {', '.join(AnswerMode)}"
            raise CommandError(msg) from error
        _log.info("Account %d: answer mode is %s", self._board.account, payload)

    def _set_number(self, payload: str) -> None:
        self._number = _number(payload)

    def _set_notify_number(self, payload: str) -> None:
        self._notify_number = _number(payload)

    def _speak(self, message: str) -> None:
        if not self._notify_number:
            msg = "there is no number to notify; set it first"
            raise CommandError(msg)
        if not message.strip():
            msg = "there is nothing to say"
            raise CommandError(msg)
        if len(self._messages) >= MOST_MESSAGES:
            msg = f"{MOST_MESSAGES} messages are waiting already"
            raise CommandError(msg)
        self._messages.append(message)
        self._say_next()

    def _say_next(self) -> None:
        """Call and say the next message, when the call before is over."""
        while self._messages and self._speaking_to is None:
            before = set(self._ids())
            self._dispatch(
                read(
                    Dial,
                    {
                        "command": "dial",
                        "number": self._notify_number,
                        "sip_account": self._board.account,
                        "menu": {"message": self._messages.popleft(), "post_action": "hangup"},
                    },
                )
            )
            # None if it was refused, which the dispatcher has said.
            self._speaking_to = next((one for one in self._ids() if one not in before), None)

    def _ids(self) -> list[str]:
        return [call.internal_id for call in self._board.calls]


def _number(payload: str) -> str:
    number = payload.strip()
    if len(number) > LONGEST_NUMBER:
        msg = f"a number has {LONGEST_NUMBER} characters at most"
        raise CommandError(msg)
    return number


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
