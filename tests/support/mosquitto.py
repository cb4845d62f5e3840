"""A real broker: mosquitto on 127.0.0.1, and somebody who talks to it."""

from __future__ import annotations

import json
import queue
import subprocess
from typing import TYPE_CHECKING, Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from support.ports import free_port
from support.server import Server
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "/usr/sbin/mosquitto"
PASSWORD_PROGRAM = "/usr/bin/mosquitto_passwd"
CONFIGURATION = """
listener {port} 127.0.0.1
allow_anonymous {anonymous}
{passwords}
persistence false
log_dest stderr
"""


class Mosquitto(Server):
    """A broker without persistence."""

    def __init__(self, folder: Path, *, users: dict[str, str] | None = None) -> None:
        """Keep its files in `folder`; without `users` anybody may come."""
        port = free_port()
        passwords, config = folder / "mosquitto.passwords", folder / "mosquitto.conf"
        for number, (user, password) in enumerate((users or {}).items()):
            create = [] if number else ["-c"]
            command = [PASSWORD_PROGRAM, "-b", *create, str(passwords), user, password]
            subprocess.run(command, check=True, timeout=20)
        config.write_text(
            CONFIGURATION.format(
                port=port,
                anonymous=str(not users).lower(),
                passwords=f"password_file {passwords}\nuser root" if users else "",
            ),
            encoding="utf-8",
        )
        super().__init__([PROGRAM, "-c", str(config)], port, folder / "mosquitto.log")


class MqttUser:
    """Publishes to a broker and keeps what comes on a topic."""

    def __init__(self, port: int, topic: str, user: str | None = None, password: str = "") -> None:
        self.messages: list[Any] = []
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._ready.put(None)
        self._client.on_message = lambda *args: self.messages.append(json.loads(args[2].payload))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        """Listen."""
        self._client.loop_start()
        self._ready.get(timeout=PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, body: Any, *, retain: bool = False) -> None:
        """Publish JSON, or bytes as they are."""
        payload = body if isinstance(body, bytes) else json.dumps(body)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def wait_event(self, name: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for an event; returns the first of that name."""

        def found() -> list[dict[str, Any]]:
            return [message for message in self.messages if message.get("event") == name]

        wait_until(found, f"event {name} in {self.messages}", timeout_s)
        return found()[0]
