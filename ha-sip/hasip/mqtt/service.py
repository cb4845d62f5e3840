"""Ties the broker to the gateway: commands in, events out."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from hasip.events.wire import to_json
from hasip.mqtt.client import OFFLINE, ONLINE, MqttClient
from hasip.mqtt.connection import Outgoing
from hasip.mqtt.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.events.model import Event
    from hasip.loop import Loop
    from hasip.mqtt.connection import Incoming
    from hasip.settings.model import Mqtt

_log = logging.getLogger(__name__)


class MqttService:
    """All that the gateway does at the broker; loop thread only."""

    def __init__(self, loop: Loop, settings: Mqtt, take_command: Callable[[bytes], None]) -> None:
        self._settings = settings
        self._take_command = take_command
        self._topics = Topics(settings)
        self._client = MqttClient(
            loop, self._topics, hear=self._hear, on_connected=self._on_connected
        )
        self._client.subscribe(*self._topics.commands)
        self._client.show(self._topics.availability, ONLINE)

    def start(self, broker: Mqtt) -> None:
        """Begin to connect, once it is known where the broker is."""
        self._client.start(broker)

    def take(self, event: Event) -> None:
        """Tell an event."""
        if self._settings.state_topic is not None:
            # Several gateways may share the topic.
            body = {**to_json(event), "instance": self._settings.instance}
            self._client.send(Outgoing(topic=self._settings.state_topic, payload=_json(body)))

    def leave(self) -> None:
        """Say that the gateway is going."""
        self._client.show(self._topics.availability, OFFLINE)

    @property
    def is_idle(self) -> bool:
        """Tell whether everything has arrived."""
        return self._client.is_idle

    def close(self) -> None:
        """Leave in order."""
        self._client.close()

    def _on_connected(self) -> None:
        """Nothing more is to be done yet."""

    # --- on the network thread --------------------------------------------------------------

    def _hear(self, message: Incoming) -> None:
        if message.is_retained:
            # It would dial again at every start.
            _log.warning("MQTT: a retained message on %s is ignored; delete it", message.topic)
            return
        self._take_command(message.payload)


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
