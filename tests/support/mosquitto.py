"""A real broker: mosquitto on 127.0.0.1, and somebody who talks to it."""

from __future__ import annotations

import json
import queue
import subprocess
from typing import TYPE_CHECKING, Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.ports import free_port
from support.server import Server
from support.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from pathlib import Path

    from support.certificates import Authority

PROGRAM = "/usr/sbin/mosquitto"
PASSWORD_PROGRAM = "/usr/bin/mosquitto_passwd"
CONFIGURATION = """
listener {port} {host}
allow_anonymous {anonymous}
{more}
persistence false
log_dest stderr
log_type all
# A test is about what ha-sip loses, not about what its listener is too slow for.
max_queued_messages 0
"""


class Mosquitto(Server):
    """A broker without persistence."""

    def __init__(
        self,
        folder: Path,
        *,
        users: dict[str, str] | None = None,
        authority: Authority | None = None,
        rights: Sequence[str] = (),
        host: str = "127.0.0.1",
    ) -> None:
        """Keep its files in `folder`; without `users` anybody may come.

        With an authority it speaks TLS, and wants certificates that the authority signed. `rights`
        are lines of its file of access rights; without them everybody may do everything.
        """
        port = free_port()
        passwords, config = folder / "mosquitto.passwords", folder / "mosquitto.conf"
        for number, (user, password) in enumerate((users or {}).items()):
            create = [] if number else ["-c"]
            command = [PASSWORD_PROGRAM, "-b", *create, str(passwords), user, password]
            subprocess.run(command, check=True, timeout=20)
        more = [f"password_file {passwords}", "user root"] if users else []
        if rights:
            path = folder / "mosquitto.rights"
            path.write_text("\n".join(rights), encoding="utf-8")
            more.append(f"acl_file {path}")
        if authority is not None:
            certificate, key = authority.sign("broker", "IP:127.0.0.1")
            more += [f"cafile {authority.certificate}", f"certfile {certificate}"]
            more += [f"keyfile {key}", "require_certificate true", "user root"]
        config.write_text(
            CONFIGURATION.format(
                port=port,
                host=host,
                anonymous=str(not users).lower(),
                more="\n".join(more),
            ),
            encoding="utf-8",
        )
        self.log = folder / "mosquitto.log"
        super().__init__([PROGRAM, "-c", str(config)], port, self.log, host)


class MqttUser:
    """Publishes to a broker and keeps what comes on a topic."""

    def __init__(
        self,
        port: int,
        topic: str,
        user: str | None = None,
        password: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.received: list[paho.MQTTMessage] = []
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_queued_messages_set(0)
        if tls is not None:
            self._client.tls_set_context(tls)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._ready.put(None)
        self._client.on_message = lambda *args: self.received.append(args[2])
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(host, port)

    def __enter__(self) -> Self:
        """Listen."""
        self._client.loop_start()
        self._ready.get(timeout=PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def messages(self) -> list[Any]:
        """Return what came as JSON."""
        bodies = [message.payload for message in list(self.received)]
        return [json.loads(body) for body in bodies if body.startswith(b"{")]

    def listen(self, topic: str) -> None:
        """Listen to one more topic."""
        self._client.subscribe(topic, 1)
        self._ready.get(timeout=PATIENCE_S)

    def publish(
        self,
        topic: str,
        body: Any,
        *,
        retain: bool = False,
        answer_to: tuple[str, bytes] | None = None,
    ) -> None:
        """Publish JSON, or bytes as they are; `answer_to`: response topic and correlation data."""
        self.post(topic, body, retain=retain, answer_to=answer_to).wait_for_publish(PATIENCE_S)

    def post(
        self,
        topic: str,
        body: Any,
        *,
        retain: bool = False,
        answer_to: tuple[str, bytes] | None = None,
    ) -> paho.MQTTMessageInfo:
        """Publish, without waiting for the broker."""
        payload = body if isinstance(body, bytes) else json.dumps(body)
        properties = None
        if answer_to is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic, properties.CorrelationData = answer_to
        return self._client.publish(topic, payload, 1, retain, properties)

    def on(self, topic: str) -> list[bytes]:
        """Return what came on a topic."""
        return [bytes(one.payload) for one in list(self.received) if one.topic == topic]

    def wait_on(self, topic: str, payload: bytes, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the newest message on a topic is `payload`."""
        wait_until(
            lambda: self.on(topic)[-1:] == [payload],
            f"{payload!r} on {topic}; came: {self.on(topic)}",
            timeout_s,
        )

    def wait_event(self, name: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for an event; returns the first of that name."""

        def found() -> list[dict[str, Any]]:
            return [message for message in self.messages if message.get("event") == name]

        wait_until(found, f"event {name} in {self.messages}", timeout_s)
        return found()[0]
