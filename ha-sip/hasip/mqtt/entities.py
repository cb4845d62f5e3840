"""The gateway in Home Assistant: keeps devices and entities at the broker as they should be.

What the broker kept from the last start is heard first: which devices there were, and what people
chose. Only then anything is shown.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.json_text import read_json
from hasip.mqtt.board import AccountBoard, Moment, State
from hasip.mqtt.client import OFFLINE, ONLINE
from hasip.mqtt.connection import Incoming, Outgoing
from hasip.mqtt.controls import AccountControls
from hasip.mqtt.discovery import account_config, device_id, discovery_topic, gateway_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from hasip.commands.model import Command
    from hasip.events.model import Event
    from hasip.loop import Loop
    from hasip.mqtt.client import MqttClient
    from hasip.mqtt.controls import RunningAccount
    from hasip.mqtt.topics import Topics
    from hasip.settings.model import Account

_log = logging.getLogger(__name__)

# A broker that lets us not hear ourselves must not keep everything from being shown.
ECHO_WITHIN_S = 3.0
LOOK_FOR_MIDNIGHT_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """An account and its entities."""

    settings: Account
    board: AccountBoard
    controls: AccountControls | None  # None: the account is off


class HomeEntities:
    """All entities of this gateway; loop thread only."""

    def __init__(
        self,
        loop: Loop,
        client: MqttClient,
        topics: Topics,
        dispatch: Callable[[Command], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._topics = topics
        self._dispatch = dispatch
        self._accounts: dict[int, _Shown] = {}
        self._devices: set[str] = set()  # topics of discovery that the broker has or had
        self._is_ready = False
        self._early: dict[str, bytes] = {}  # what was to be shown before we were ready
        client.subscribe(topics.devices, topics.echo)

    def add(self, accounts: Sequence[Account], running: Mapping[int, RunningAccount]) -> None:
        """Show these accounts; those that are not running are off."""
        for settings in accounts:
            board = AccountBoard(
                settings.number,
                is_door=settings.options.door,
                has_registrar=settings.registrar_uri is not None,
                today=_today,
            )
            line = running.get(settings.number)
            controls = None
            if line is not None:
                controls = AccountControls(line, board, self._dispatch, self._loop.post)
            self._accounts[settings.number] = _Shown(settings, board, controls)
        self._client.subscribe(
            self._topics.all_kept, self._topics.all_controls, *self._topics.births
        )
        self._loop.call_later(_until_midnight_s(), self._roll)

    def on_connected(self) -> None:
        """Hear first what the broker kept: it comes before our own echo."""
        if not self._is_ready:
            self._client.send_now(Outgoing(topic=self._topics.echo, payload=b"?"))
            self._loop.call_later(ECHO_WITHIN_S, self._begin)

    def take(self, event: Event) -> None:
        """Show what an event changes."""
        for shown in self._accounts.values():
            changes = list(shown.board.take(event))
            if shown.controls is not None:
                shown.controls.take(event)
            if changes:
                self._show(shown, changes)
        self._show_active_calls()

    def hear(self, message: Incoming) -> None:
        """Take a message that is none for the command topics."""
        if message.topic == self._topics.echo:
            self._begin()
        elif message.topic == self._topics.devices:
            if message.is_retained and not self._is_ready:
                self._devices.update(self._ours(_json_of(message)))
        elif message.topic in self._topics.births:
            if not message.is_retained and message.payload == ONLINE and self._is_ready:
                _log.info("MQTT: Home Assistant is there; telling it of all entities")
                self._tell_devices()
                self._client.show_again()
        else:
            self._hear_of_account(message)

    # --- the rest ---------------------------------------------------------------------------

    def _hear_of_account(self, message: Incoming) -> None:
        about = self._topics.account_of(message.topic)
        shown = None if about is None else self._accounts.get(about[0])
        if about is None or shown is None or shown.controls is None:
            return
        if about[1] == "kept":
            if message.is_retained and not self._is_ready:
                kept = _json_of(message)
                if isinstance(kept, dict):
                    shown.controls.restore(kept)
                    shown.board.count_on(kept.get("calls"))
        elif message.is_retained:
            _log.warning("MQTT: a retained message on %s is ignored; delete it", message.topic)
        else:
            text = message.payload.decode("utf-8", errors="replace")
            self._show(shown, shown.controls.act(about[1], text))

    def _begin(self) -> None:
        """Show everything, now that it is known what the broker had."""
        if self._is_ready:
            return
        self._is_ready = True
        # From now on we know better than the broker.
        self._client.unsubscribe(self._topics.devices, self._topics.echo, self._topics.all_kept)
        self._tell_devices()
        early, self._early = self._early, {}
        for shown in self._accounts.values():
            is_on = shown.controls is not None
            self._client.show(
                self._topics.account(shown.settings.number, "availability"),
                ONLINE if is_on else OFFLINE,
            )
            self._show(shown, shown.board.initial())
            if shown.controls is not None:
                self._show(shown, shown.controls.states())
            elif shown.settings.problems:
                said = "; ".join(map(str, shown.settings.problems))[:255]
                self._show(shown, [State("registration_reason", said)])
            early.pop(self._topics.account(shown.settings.number, "kept"), None)
        for topic, payload in early.items():
            self._client.show(topic, payload)
        self._show_active_calls()

    def _tell_devices(self) -> None:
        """Tell of the devices there are, and take away those there are no more."""
        configs: dict[str, object] = {}
        if self._accounts:
            configs[discovery_topic(self._topics)] = gateway_config(self._topics)
        for number, shown in self._accounts.items():
            topic = discovery_topic(self._topics, number)
            configs[topic] = account_config(self._topics, shown.settings)
        for topic in self._devices - configs.keys():
            _log.info("MQTT: %s is taken away from Home Assistant", topic)
            self._client.forget(topic)
        if configs:
            self._client.show(self._topics.devices, _json(sorted(configs)))
        elif self._devices:
            self._client.forget(self._topics.devices)
        self._devices = set(configs)
        for topic, config in configs.items():
            self._client.show(topic, _json(config))

    def _show(self, shown: _Shown, changes: Iterable[State | Moment]) -> None:
        number = shown.settings.number
        for change in changes:
            topic = self._topics.account(number, change.key)
            match change:
                case State(value=value, attributes=attributes):
                    if attributes is not None:
                        self._show_when_ready(
                            self._topics.attributes(number, change.key), _json(attributes)
                        )
                    self._show_when_ready(topic, value.encode())
                case Moment(event_type=event_type, attributes=attributes):
                    body = _json({**attributes, "event_type": event_type})
                    self._client.send_now(Outgoing(topic=topic, payload=body))
        if shown.controls is not None:
            kept = {**shown.controls.kept(), "calls": shown.board.counted()}
            self._show_when_ready(self._topics.account(number, "kept"), _json(kept))

    def _show_when_ready(self, topic: str, payload: bytes) -> None:
        if self._is_ready:
            self._client.show(topic, payload)
        else:
            self._early[topic] = payload

    def _show_active_calls(self) -> None:
        if self._accounts:
            count = sum(len(shown.board.calls) for shown in self._accounts.values())
            self._show_when_ready(self._topics.gateway("active_calls"), str(count).encode())

    def _roll(self) -> None:
        """Begin a new day."""
        for shown in self._accounts.values():
            self._show(shown, shown.board.roll())
        self._loop.call_later(_until_midnight_s(), self._roll)

    def _ours(self, topics: object) -> set[str]:
        """Return those that can only be ours; anybody may write to a broker."""
        if not isinstance(topics, list):
            return set()
        ours = re.compile(rf"[^+#\0]+/device/{device_id(self._topics)}(_account_[0-9]+)?/config")
        return {topic for topic in topics if isinstance(topic, str) and ours.fullmatch(topic)}


def _today() -> date:
    return datetime.now().astimezone().date()


def _until_midnight_s() -> float:
    """Return the wait until just after midnight; not too long, for clocks may be set."""
    now = datetime.now().astimezone()
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time()).astimezone()
    return min(LOOK_FOR_MIDNIGHT_S, (midnight - now).total_seconds() + 0.5)


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _json_of(message: Incoming) -> object:
    try:
        return read_json(message.payload)
    except ValueError:
        _log.warning("MQTT: what is kept on %s is no JSON; ignored", message.topic)
        return None
