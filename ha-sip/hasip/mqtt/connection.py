"""paho's client in our words: what it hears is posted to the loop, what it can't do is said.

The only module that knows paho. Its network thread is paho's own; the methods here never wait, and
may be called by the loop thread only.
"""

from __future__ import annotations

import contextlib
import logging
import math
import ssl
import sys
import threading
import time
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hasip.dataclass import dataclass
from hasip.tcp import GIVE_UP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hasip.loop import Loop
    from hasip.settings.model import BrokerTls, Mqtt

_log = logging.getLogger(__name__)

AT_LEAST_ONCE = 1
# After twice this a broker that is silent is taken for gone; it takes us for gone a little sooner.
KEEP_ALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0
FIRST_RETRY_S = 1
LONGEST_RETRY_S = 10
# What was published while the connection was lost for no longer than this still comes (MQTT 5); a
# command that is older is for nobody any more.
SESSION_EXPIRY_S = 30
# More than a broker sends without an acknowledgement.
REMEMBERED = 100
LARGEST_MESSAGE_BYTES = 1024 * 1024
# paho turns once a second when there is nothing to do, and after each message.
TURNS_WITHIN_S = 3.0
# A try to connect takes a pause, as long as names take (a minute and more where name servers are
# silent), a time-out for each address, and TLS. Far above that: one who is slow does not hang.
TRIES_WITHIN_S = 300.0


class Version(Enum):
    """The versions of MQTT that brokers speak."""

    V5 = MQTTProtocolVersion.MQTTv5
    V311 = MQTTProtocolVersion.MQTTv311

    def __str__(self) -> str:
        """Return it as people write it."""
        return "MQTT 5" if self is Version.V5 else "MQTT 3.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None  # of the request that this answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message from the broker."""

    topic: str
    payload: bytes
    is_retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


class LinkListener(Protocol):
    """Hears of the connection, on the loop thread."""

    def on_connected(self) -> None:
        """Take note that the broker took us."""
        ...

    def on_refused(self, reason: str, *, is_old: bool) -> None:
        """Take note that the broker answered no; `is_old`: since it speaks MQTT 3.1.1 only."""
        ...

    def on_silent(self) -> None:
        """Take note that the broker hung up without an answer."""
        ...

    def on_unreachable(self, reason: str) -> None:
        """Take note that there was no connection to the broker."""
        ...

    def on_lost(self, reason: str) -> None:
        """Take note that the connection is gone."""
        ...

    def on_arrived(self, message_id: int, refusal: str | None) -> None:
        """Take note that the broker has a message, or why it does not take it."""
        ...

    def on_subscribed(self, refusals: dict[str, str | None]) -> None:
        """Take note that the broker sends us what comes on topics, or why it does not."""
        ...


class _Client(paho.Client):
    """A client that tells of each turn of its network thread."""

    on_turn: Callable[[], None]

    def loop_misc(self) -> MQTTErrorCode:
        """Do what is due; paho calls it at the end of each turn while there is a connection."""
        self.on_turn()
        return super().loop_misc()


class Connection:
    """A connection in one version of MQTT, kept up for ever once it is started."""

    def __init__(
        self,
        loop: Loop,
        settings: Mqtt,
        version: Version,
        listener: LinkListener,
        hear: Callable[[Incoming], None],
    ) -> None:
        """`hear` is called on the network thread."""
        self._loop = loop
        self._settings = settings
        self._version = version
        self._listener = listener
        self._hear = hear
        self._is_open = True
        # Network thread only: what came last, for what comes again.
        self._heard: deque[tuple[int, str, int]] = deque(maxlen=REMEMBERED)
        self._is_trying = False  # network thread only: there is a connection, and no answer yet
        self._asked: dict[int, tuple[str, ...]] = {}  # loop thread only: topics by their message
        self._trouble = ""  # network thread only: what paho said last of the connection
        is_v5 = version is Version.V5
        self._goes_on_until = math.inf  # when the network thread is to have shown that it lives
        self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            protocol=version.value,
            clean_session=None if is_v5 else True,
        )
        self._client.reconnect_delay_set(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            self._client.username_pw_set(settings.username, password)
        if settings.tls is not None:
            self._client.tls_set_context(tls_context(settings.tls))
        self._client.on_turn = self._on_turn
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_socket_open = self._on_socket_open
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_log = self._on_log

    def start(self, will: Outgoing) -> None:
        """Begin to connect; a broker that is away is asked again for ever."""
        self._client.will_set(will.topic, will.payload, AT_LEAST_ONCE, will.retain)
        properties = None
        if self._version is Version.V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.MaximumPacketSize = LARGEST_MESSAGE_BYTES
        self._client.connect_async(
            self._settings.address or "", self._settings.port, KEEP_ALIVE_S, properties=properties
        )
        self._expect_sign(TRIES_WITHIN_S)
        self._client.loop_start()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for the messages on topics."""
        wanted = [(topic, AT_LEAST_ONCE) for topic in topics]
        _, message_id = self._client.subscribe(wanted)
        if message_id is not None:
            self._asked[message_id] = tuple(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for no more messages on topics."""
        self._client.unsubscribe(list(topics))

    def publish(self, message: Outgoing) -> int | None:
        """Hand over a message; returns its number, None where paho has no room."""
        properties = None
        if message.correlation is not None and self._version is Version.V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = message.correlation
        info = self._client.publish(
            message.topic, message.payload, AT_LEAST_ONCE, message.retain, properties
        )
        return None if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE else info.mid

    def take_back(self) -> None:
        """Forget what was handed over and has no acknowledgement: it is not sent again."""
        self._client.drop_out_messages()

    @property
    def is_well(self) -> bool:
        """Tell whether the network thread goes on; any thread may ask."""
        if time.monotonic() > self._goes_on_until:
            return False
        name = f"paho-mqtt-client-{self._settings.client_id}"
        return any(thread.name == name for thread in threading.enumerate())

    def close(self) -> None:
        """Leave; nothing is reported from now on."""
        self._is_open = False
        # The network thread ends by itself; waiting for it could take a connection's time-out.
        self._client.disconnect()

    def _tell_subscribed(self, message_id: int, refusals: Sequence[str | None]) -> None:
        topics = self._asked.pop(message_id, ())
        self._listener.on_subscribed(dict(zip(topics, refusals, strict=False)))

    # --- on the network thread --------------------------------------------------------------

    def _post(self, tell: Callable[[], None]) -> None:
        self._loop.post(lambda: tell() if self._is_open else None)

    def _expect_sign(self, within_s: float) -> None:
        self._goes_on_until = time.monotonic() + within_s

    def _on_turn(self) -> None:
        self._expect_sign(TURNS_WITHIN_S)

    def _on_connect(self, *heard: Any) -> None:  # noqa: ANN401 - paho's: client, …, flags, reason, …
        self._is_trying = False
        reason = heard[3]
        if reason.is_failure:
            text = str(reason)
            # Also what paho makes of such an answer in MQTT 3.1.1.
            is_old = self._version is Version.V5 and text == "Unsupported protocol version"
            self._post(lambda: self._listener.on_refused(text, is_old=is_old))
        else:
            self._post(self._listener.on_connected)

    def _on_connect_fail(self, *_: Any) -> None:  # noqa: ANN401
        self._expect_sign(TRIES_WITHIN_S)
        error = sys.exc_info()[1]  # paho calls this while it handles the error, and keeps it
        if isinstance(error, ssl.SSLCertVerificationError):
            text = f"its certificate is not trusted: {error.verify_message}"
        elif isinstance(error, ssl.SSLError):
            text = f"TLS failed: {error.reason or error}"
        else:
            text = str(error or "no answer")
        self._post(lambda: self._listener.on_unreachable(text))

    def _on_disconnect(self, *heard: Any) -> None:  # noqa: ANN401
        reason = heard[3]
        is_silent, self._is_trying = self._is_trying, False
        trouble, self._trouble = self._trouble, ""
        text = f"{reason} ({trouble})" if trouble else str(reason)
        if is_silent and "[SSL" in trouble:  # such as: it wants a certificate of us
            self._post(lambda: self._listener.on_refused(trouble, is_old=False))
        elif is_silent:
            self._post(self._listener.on_silent)
        elif reason.is_failure:
            self._post(lambda: self._listener.on_lost(text))
        self._expect_sign(TRIES_WITHIN_S)

    def _on_socket_open(self, *heard: Any) -> None:  # noqa: ANN401
        self._is_trying = True
        with contextlib.suppress(OSError):
            for level, name, value in GIVE_UP_OPTIONS:
                heard[2].setsockopt(level, name, value)

    def _on_publish(self, *heard: Any) -> None:  # noqa: ANN401
        message_id, reason = heard[2], heard[3]
        refusal = str(reason) if reason.is_failure else None
        self._post(lambda: self._listener.on_arrived(message_id, refusal))

    def _on_log(self, client: Any, userdata: Any, level: int, text: str) -> None:  # noqa: ANN401, ARG002
        if level == paho.MQTT_LOG_ERR:
            self._trouble = text

    def _on_subscribe(self, *heard: Any) -> None:  # noqa: ANN401
        message_id, reasons = heard[2], heard[3]
        refusals = [str(reason) if reason.is_failure else None for reason in reasons]
        self._post(lambda: self._tell_subscribed(message_id, refusals))

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:  # noqa: ANN401, ARG002
        try:
            if len(message.payload) > LARGEST_MESSAGE_BYTES:
                size = len(message.payload)
                _log.warning("MQTT: a message of %d bytes on %s is ignored", size, message.topic)
                return
            key = (message.mid, message.topic, hash(message.payload))
            if message.dup and key in self._heard:
                # Our acknowledgement was lost with the connection.
                _log.info("MQTT: a message on %s came twice; the second is ignored", message.topic)
                return
            self._heard.append(key)
            properties = message.properties
            self._hear(
                Incoming(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    is_retained=message.retain,
                    response_topic=getattr(properties, "ResponseTopic", None),
                    correlation=getattr(properties, "CorrelationData", None),
                )
            )
        except Exception:  # it would end the network thread
            _log.exception("MQTT: a message could not be taken")


def tls_context(tls: BrokerTls) -> ssl.SSLContext:
    """Return how the broker is verified, and what we show it; raises `OSError`, `ValueError`."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file is not None:
        # Else OpenSSL would ask for a password on the terminal, and wait.
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    return context
