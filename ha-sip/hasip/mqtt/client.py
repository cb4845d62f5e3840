"""The connection to the broker: kept up for ever, on paho's own network thread."""

from __future__ import annotations

import json
import logging
import secrets
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.settings.model import Mqtt

_log = logging.getLogger(__name__)

AT_LEAST_ONCE = 1
KEEP_ALIVE_S = 30
CONNECT_TIMEOUT_S = 5.0
FIRST_RETRY_S = 1
LONGEST_RETRY_S = 30
# Events that wait for a broker that is away; more are dropped, the newest first.
MOST_WAITING = 1_000


class MqttClient:
    """Takes commands from a topic and sends events to another one; no method waits."""

    def __init__(self, settings: Mqtt, take_command: Callable[[bytes], None]) -> None:
        self._settings = settings
        self._take_command = take_command
        self._sent = 0  # written on the loop thread only
        self._arrived = 0  # written on the network thread only
        self._dropped = 0
        # A random name: two gateways with one name would throw each other out for ever.
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"ha-sip-{secrets.token_hex(4)}"
        )
        self._client.max_queued_messages_set(MOST_WAITING)
        self._client.reconnect_delay_set(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            self._client.username_pw_set(settings.username, password)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def start(self) -> None:
        """Begin to connect; a broker that is away is asked again for ever."""
        self._client.connect_async(self._address, self._settings.port, KEEP_ALIVE_S)
        self._client.loop_start()

    def publish(self, event: Mapping[str, object]) -> None:
        """Send an event, now or when the broker is back."""
        if self._settings.state_topic is None:
            return
        body = json.dumps(event, ensure_ascii=False)
        info = self._client.publish(self._settings.state_topic, body, AT_LEAST_ONCE)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self._dropped += 1
            if self._dropped == 1:
                _log.warning("MQTT: an event was dropped: %d are waiting already", MOST_WAITING)
            return
        if self._dropped:
            _log.warning("MQTT: %d events were dropped while the broker was away", self._dropped)
            self._dropped = 0
        self._sent += 1

    @property
    def is_idle(self) -> bool:
        """Tell whether every event has arrived."""
        return self._sent == self._arrived

    def close(self) -> None:
        """Leave in order; what has not arrived is lost."""
        if not self.is_idle:
            left = self._sent - self._arrived
            _log.warning("MQTT: %d events were not delivered before the end", left)
        # The network thread ends by itself; waiting for it could take a connection's time-out.
        self._client.disconnect()

    @property
    def _address(self) -> str:
        return self._settings.address or ""

    @property
    def _broker(self) -> str:
        return f"{self._address}:{self._settings.port}"

    # --- on the network thread --------------------------------------------------------------

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,  # noqa: ANN401, ARG002 - paho's signature
        flags: paho.ConnectFlags,  # noqa: ARG002
        reason: Any,  # noqa: ANN401
        properties: Any,  # noqa: ANN401, ARG002
    ) -> None:
        if reason.is_failure:
            _log.error("MQTT: the broker at %s refused us: %s", self._broker, reason)
            return
        client.subscribe(self._settings.topic, AT_LEAST_ONCE)
        _log.info("MQTT: connected to %s, commands on %s", self._broker, self._settings.topic)

    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:  # noqa: ANN401, ARG002
        _log.warning("MQTT: no broker answers at %s; trying again", self._broker)

    def _on_disconnect(
        self,
        client: paho.Client,  # noqa: ARG002
        userdata: Any,  # noqa: ANN401, ARG002
        flags: paho.DisconnectFlags,  # noqa: ARG002
        reason: Any,  # noqa: ANN401
        properties: Any,  # noqa: ANN401, ARG002
    ) -> None:
        if reason.is_failure:
            _log.warning("MQTT: the connection to %s was lost: %s", self._broker, reason)

    def _on_publish(
        self,
        client: paho.Client,  # noqa: ARG002
        userdata: Any,  # noqa: ANN401, ARG002
        message_id: int,  # noqa: ARG002
        reason: Any,  # noqa: ANN401, ARG002
        properties: Any,  # noqa: ANN401, ARG002
    ) -> None:
        self._arrived += 1

    def _on_message(
        self,
        client: paho.Client,  # noqa: ARG002
        userdata: Any,  # noqa: ANN401, ARG002
        message: paho.MQTTMessage,
    ) -> None:
        if message.retain:
            # It would dial again at every start.
            _log.warning("MQTT: a retained message on %s is ignored; delete it", message.topic)
            return
        self._take_command(bytes(message.payload))
