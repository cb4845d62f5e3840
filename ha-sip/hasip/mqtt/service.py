"""Ties the broker to the gateway: commands in, events and answers out."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hasip.commands.results import Answer, ResultBook, Status
from hasip.events.wire import to_json
from hasip.mqtt.client import OFFLINE, ONLINE, MqttClient
from hasip.mqtt.connection import Outgoing
from hasip.mqtt.entities import HomeEntities
from hasip.mqtt.limit import RateLimit
from hasip.mqtt.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hasip.commands.intake import CommandIntake
    from hasip.commands.model import Command, InvalidCommandError
    from hasip.events.model import Event
    from hasip.loop import Loop
    from hasip.mqtt.connection import Incoming
    from hasip.mqtt.controls import RunningAccount
    from hasip.settings.model import Account, Mqtt

_log = logging.getLogger(__name__)

# No house needs more; and 100 a second that fail cost a call nothing (see tests/peers).
BURST = 200
COMMANDS_PER_S = 100.0
TOO_MANY = f"too many commands: more than {BURST} at once or {COMMANDS_PER_S:.0f} a second"
SAY_REFUSALS_EVERY_S = 10.0


class ReplyTo(NamedTuple):
    """Where somebody waits for the answers to a command (MQTT 5 §4.10)."""

    topic: str
    correlation: bytes | None
    is_our_id: bool  # the command had no `request_id`


class MqttService:
    """All that the gateway does at the broker; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        settings: Mqtt,
        intake: CommandIntake,
        dispatch: Callable[[Command], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._intake = intake
        self._topics = Topics(settings)
        self._limit = RateLimit(burst=BURST, per_s=COMMANDS_PER_S)  # network thread only
        self._numbers = itertools.count(1)  # network thread only
        self._replies: dict[str, ReplyTo] = {}
        self._refused = 0
        self._when_refused: Callable[[], None] = lambda: None
        self.results = ResultBook(self._answer)
        self._client = MqttClient(
            loop,
            self._topics,
            hear=self._hear,
            on_connected=self._on_connected,
            on_refused=self._on_refused,
        )
        self._entities = HomeEntities(loop, self._client, self._topics, dispatch)
        self._client.subscribe(*self._topics.commands)
        self._client.show(self._topics.availability, ONLINE)

    def start(self, broker: Mqtt) -> None:
        """Begin to connect, once it is known where the broker is; or is now."""
        self._client.start(broker)

    def when_refused(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever the broker does not want us."""
        self._when_refused = listener

    def show_accounts(
        self, accounts: Sequence[Account], running: Mapping[int, RunningAccount]
    ) -> None:
        """Have Home Assistant show them, if it is to show anything."""
        if self._settings.has_discovery:
            self._entities.add(accounts, running)

    def take(self, event: Event) -> None:
        """Tell an event."""
        if self._settings.state_topic is not None:
            # Several gateways may share the topic.
            body = {**to_json(event), "instance": self._settings.instance}
            self._send(self._settings.state_topic, body)
        self.results.take(event)
        self._entities.take(event)

    def leave(self) -> None:
        """Say that the gateway is going."""
        self._client.show(self._topics.availability, OFFLINE)

    @property
    def is_well(self) -> bool:
        """Tell whether commands are heard as soon as there is a broker; any thread may ask."""
        return self._client.is_well

    @property
    def is_idle(self) -> bool:
        """Tell whether everything has arrived."""
        return self._client.is_idle

    def close(self) -> None:
        """Leave in order."""
        self._client.close()

    def _on_connected(self) -> None:
        self._entities.on_connected()

    def _on_refused(self) -> None:
        self._when_refused()

    def _answer(self, answer: Answer) -> None:
        """Tell what became of a command: all who listen, and who asked."""
        request_id = answer.request_id or ""
        reply = self._replies.get(request_id)
        if answer.status is not Status.ACCEPTED:
            self._replies.pop(request_id, None)
        self._tell(answer, reply)

    def _tell(self, answer: Answer, reply: ReplyTo | None) -> None:
        if reply is not None and reply.is_our_id:
            answer = replace(answer, request_id=None)
        body = {**answer.to_json(), "instance": self._settings.instance}
        if reply is None or not reply.is_our_id:
            self._send(self._topics.results, body)
        if reply is not None:
            self._send(reply.topic, body, reply.correlation)

    def _refuse(self, read: Command | InvalidCommandError, reply: ReplyTo | None) -> None:
        """Tell that too many commands came; answered alone, for events would flood webhooks."""
        self._count_refusal()
        answer = Answer(
            request_id=read.request_id,
            command=read.command,
            number=getattr(read, "number", None),
            status=Status.FAILED,
            error=TOO_MANY,
        )
        self._tell(answer, reply)

    def _count_refusal(self) -> None:
        self._refused += 1
        if self._refused == 1:
            _log.warning("MQTT: %s; the rest is refused", TOO_MANY)
            self._loop.call_later(SAY_REFUSALS_EVERY_S, self._say_refusals)

    def _say_refusals(self) -> None:
        _log.warning("MQTT: %d commands were refused: there were too many", self._refused)
        self._refused = 0

    def _send(self, topic: str, body: object, correlation: bytes | None = None) -> None:
        payload = json.dumps(body, ensure_ascii=False).encode()
        self._client.send(Outgoing(topic=topic, payload=payload, correlation=correlation))

    # --- on the network thread --------------------------------------------------------------

    def _hear(self, message: Incoming) -> None:
        if message.topic in self._topics.commands:
            self._hear_command(message)
        elif not message.topic.endswith("/set") or self._limit.admits():
            self._loop.post(lambda: self._entities.hear(message))
        else:
            self._loop.post(self._count_refusal)

    def _hear_command(self, message: Incoming) -> None:
        if message.is_retained:
            # It would dial again at every start.
            _log.warning("MQTT: a retained message on %s is ignored; delete it", message.topic)
            return
        our_id = f"{self._settings.client_id}-{next(self._numbers)}"
        may_answer = self._may_answer_on(message.response_topic)
        read = self._intake.read(message.payload, our_id if may_answer else None)
        if read is None:
            return
        reply = None
        if may_answer and message.response_topic is not None:
            is_our_id = read.request_id == our_id
            reply = ReplyTo(message.response_topic, message.correlation, is_our_id)
        if not self._limit.admits():
            self._loop.post(lambda: self._refuse(read, reply))
            return
        if reply is not None and read.request_id is not None:
            request_id = read.request_id
            self._loop.post(lambda: self._replies.update({request_id: reply}))
        self._intake.hand_on(read)

    def _may_answer_on(self, topic: str | None) -> bool:
        """Tell whether answers may go to a topic: never where they would be read as commands."""
        if not topic:
            return False
        is_heard = topic in self._topics.commands or topic.startswith(f"{self._topics.base}/")
        if set(topic) & set("+#\0") or is_heard:
            _log.warning("MQTT: nothing is answered on the response topic %s", topic)
            return False
        return True
