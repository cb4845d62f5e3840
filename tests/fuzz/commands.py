"""Commands, on stdin and from a real broker."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fuzz.mutation import mutated, perhaps
from fuzz.surface import Pieces, Surface
from support.mosquitto import Mosquitto
from support.waiting import wait_until

if TYPE_CHECKING:
    import random

    from support.gateway import GatewayProcess

_VERBS = (
    "dial", "hangup", "answer", "transfer", "bridge_audio", "send_dtmf", "play_message",
    "play_audio_file", "stop_playback", "start_recording", "stop_recording", "call_service", "fly",
    None, 7, ["dial"],
)  # fmt: skip
_FIELDS = (
    "number", "menu", "ring_timeout", "sip_account", "webhook_to_call", "sip_code", "transfer_to",
    "bridge_to", "digits", "method", "message", "tts_language", "handle_as_template", "cache_audio",
    "wait_for_audio_to_finish", "post_action", "audio_file", "recording_file", "domain", "service",
    "entity_id", "service_data", "request_id", "unknown",
)  # fmt: skip
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 10**400, 0.1, "", " ", "x" * 5000, [], [[]], {}, {"menu": {}},
    "\u0000", "sip:@:99999", "sip:a@127.0.0.1:1", "sips:a@[::1]:1;transport=tcp", "../../etc/passwd",
    "/dev/zero", "/proc/self/mem", "\ud800", "\U0001f600\u202e", "1234#*AB,w", "self", "1", 1,
    {"message": "x", "choices": {"1": {"post_action": "return 99999999999999999999"}}},
    {"choices": {"1": {"choices": {"default": None, "timeout": {"post_action": "jump nowhere"}}}}},
    {"choices": {"": {}, "abc": {}, "1" * 300: {}}, "choices_are_pin": True, "timeout": 1e-300},
    {"call_established": "a/../b", "nothing": {}}, "in_band", "rfc2833", "noop", "hangup", "jump ",
)  # fmt: skip
_MENU_DEPTHS = (5, 60, 400)
_A_MESSAGE_EVERY_S = 0.003


def command(rng: random.Random) -> bytes:
    """Return what nearly is a command."""
    if rng.random() < 0.05:
        return rng.choice((b"[", b'{"a":', b'{"menu":{"choices":{"1":')) * rng.choice((9, 5000))
    fields: dict[str, Any] = {"command": rng.choice(_VERBS)}
    for name in rng.sample(_FIELDS, rng.randint(0, 6)):
        fields[name] = rng.choice(_ODD)
    if rng.random() < 0.1:
        menu: dict[str, Any] = {"message": "deep"}
        for _ in range(rng.choice(_MENU_DEPTHS)):
            menu = {"choices": {rng.choice(("1", "default", "timeout")): menu}}
        fields["menu"] = menu
    data = json.dumps(fields).encode()
    if rng.random() < 0.1:
        data = json.dumps(data.decode()).encode()
    return perhaps(rng, data, 0.4)


class Stdin(Surface):
    """Lines on standard input."""

    name = "stdin"

    def make(self, rng: random.Random) -> Pieces:
        data = command(rng).replace(b'"quit"', b'"quiz"')
        if rng.random() < 0.002:
            data = data + b" " * 2_000_000
        return (data + b"\n",)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        gateway.write(pieces[0])


class Mqtt(Surface):
    """Messages of a real broker: commands, controls of accounts, properties of MQTT 5."""

    name = "mqtt"

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        broker = stack.enter_context(Mosquitto(self.folder))
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        stack.callback(self._client.loop_stop)
        stack.callback(self._client.disconnect)
        return {
            "MQTT_ENABLED": "true",
            "BROKER_ADDRESS": "127.0.0.1",
            "BROKER_PORT": str(broker.port),
        }

    def make(self, rng: random.Random) -> Pieces:
        topic = rng.choice(
            (b"hasip/execute",) * 4
            + (
                b"hasip/ha-sip/execute",
                b"homeassistant/status",
                b"hasip/ha-sip/devices",
                b"hasip/ha-sip/echo",
                b"hasip/ha-sip/account/%d/%s/set"
                % (
                    rng.choice((0, 1, 2, 99999)),
                    rng.choice((b"answer_mode", b"dial", b"hangup", b"number", b"x")),
                ),
            )
        )
        payload = rng.choice((command(rng), mutated(rng, b"accept"), b"", rng.randbytes(30)))
        properties = bytes((rng.randrange(16),)) + rng.randbytes(rng.choice((0, 4, 400)))
        return topic, payload, properties

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:  # noqa: ARG002
        topic, payload, about = pieces
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if about[0] & 1:
            properties.ResponseTopic = rng_topic(about[1:])
        if about[0] & 2:
            properties.CorrelationData = about[1:]
        if about[0] & 4:
            properties.UserProperty = [("k", "v" * 50)] * 5
        is_kept = about[0] & 8 and about[0] & 1
        payload = payload.replace(b'"quit"', b'"quiz"')
        # Faster, and the broker would throw most of it away: the gateway is not as quick.
        time.sleep(_A_MESSAGE_EVERY_S)
        # A broker throws out who breaks the protocol; paho comes back by itself.
        wait_until(self._client.is_connected, "the broker takes us", 20)
        with contextlib.suppress(ValueError, RuntimeError):
            sent = self._client.publish(topic.decode(), payload, 1, bool(is_kept), properties)
            sent.wait_for_publish(5)


def rng_topic(data: bytes) -> str:
    """Return a topic that bytes make; a broker takes no control characters, nor signs for many."""
    text = "".join(letter for letter in data.decode("latin-1") if letter.isprintable())
    return text.replace("#", "").replace("+", "")[:200] or "answers"
