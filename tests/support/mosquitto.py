"""A real broker: mosquitto on 127.0.0.1, and somebody who talks to it."""

from __future__ import annotations

import json
import queue
import subprocess
from typing import TYPE_CHECKING, Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from support.ports import free_port
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


class Mosquitto:
    """A broker that can be stopped and started again; it forgets meanwhile."""

    def __init__(self, folder: Path, *, users: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        self._users = users or {}
        passwords = folder / "mosquitto.passwords"
        for number, (user, password) in enumerate(self._users.items()):
            create = [] if number else ["-c"]
            command = [PASSWORD_PROGRAM, "-b", *create, str(passwords), user, password]
            subprocess.run(command, check=True, timeout=20)
        self._configuration.write_text(
            CONFIGURATION.format(
                port=self.port,
                anonymous=str(not self._users).lower(),
                passwords=f"password_file {passwords}\nuser root" if self._users else "",
            ),
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Run it, and wait until it takes connections."""
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self._configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def connects() -> bool:
            user, password = next(iter(self._users.items()), (None, None))
            client = paho.Client(CallbackAPIVersion.VERSION2)
            client.username_pw_set(user, password)
            try:
                client.connect("127.0.0.1", self.port)
            except OSError:
                return False
            client.disconnect()
            return True

        wait_until(connects, "mosquitto")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


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
