"""The broker as the gateway sees it: messages that wait for it, and the version it speaks.

Lives on the loop thread. Three kinds of messages differ in what happens while the broker is away:
events wait for it, bounded; states are kept, and the newest of each is sent when it is back; what
is of this moment only (a bell that rings) is not sent at all.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from hasip.mqtt.connection import Connection, Incoming, Outgoing, Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.mqtt.topics import Topics
    from hasip.settings.model import Mqtt

_log = logging.getLogger(__name__)

# Messages that wait for a broker that is away; then the oldest give way.
MOST_WAITING = 1_000
# Messages that are handed over and have no acknowledgement yet.
MOST_UNDER_WAY = 100

# So often a broker may hang up without an answer until another version is tried.
SILENCES_MEAN_NO = 2

ONLINE, OFFLINE = b"online", b"offline"


class MqttClient:
    """Keeps up the connection; loop thread only, and no method waits."""

    def __init__(
        self,
        loop: Loop,
        topics: Topics,
        *,
        hear: Callable[[Incoming], None],
        on_connected: Callable[[], None],
        on_refused: Callable[[], None],
    ) -> None:
        """`hear` is called on the network thread, the others on the loop's."""
        self._loop = loop
        self._topics = topics
        self._hear = hear
        self._on_connected = on_connected
        self._on_refused = on_refused
        self._settings: Mqtt | None = None
        self._connection: Connection | None = None
        self._version = Version.V5
        self._is_connected = False
        self._is_heard_of = False  # that we are connected was said
        self._last_said = ""
        self._silences = 0
        self._subscriptions: tuple[str, ...] = ()
        self._waiting: deque[Outgoing] = deque()
        self._under_way: dict[int, Outgoing] = {}
        self._states: dict[str, Outgoing] = {}
        self._dropped = 0
        self._forbidden: set[str] = set()  # topics, or the beginning of all our own

    def start(self, settings: Mqtt) -> None:
        """Begin to connect, anew with other settings; one that is away is asked for ever."""
        if settings != self._settings:
            self._settings = settings
            self._reopen()

    def subscribe(self, *topics: str) -> None:
        """Hear what comes on topics, whenever there is a connection."""
        new = tuple(topic for topic in topics if topic not in self._subscriptions)
        self._subscriptions += new
        if self._is_connected and self._connection is not None and new:
            self._connection.subscribe(new)

    def unsubscribe(self, *topics: str) -> None:
        """Hear no more of topics."""
        left = tuple(topic for topic in self._subscriptions if topic not in topics)
        if self._is_connected and self._connection is not None and left != self._subscriptions:
            self._connection.unsubscribe(topics)
        self._subscriptions = left

    def send(self, message: Outgoing) -> None:
        """Send a message, now or when the broker is back."""
        if not self._may_send(message.topic):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._drop_oldest()
            self._dropped += 1
            if self._dropped == 1:
                _log.warning("MQTT: a message was dropped: %d are waiting already", MOST_WAITING)
        self._waiting.append(message)
        self._pump()

    def _drop_oldest(self) -> None:
        """Give up what waits for longest; not a state, of which there is only the newest."""
        events = (at for at, one in enumerate(self._waiting) if one.topic not in self._states)
        del self._waiting[next(events, 0)]

    def send_now(self, message: Outgoing) -> None:
        """Send a message that means nothing later; without a connection it is not sent."""
        if self._is_connected:
            self.send(message)

    def show(self, topic: str, payload: bytes) -> None:
        """Have the broker keep a state; the newest is sent again whenever we connect."""
        message = Outgoing(topic=topic, payload=payload, retain=True)
        if self._states.get(topic) != message:
            self._states[topic] = message
            self.send_now(message)

    def forget(self, topic: str) -> None:
        """Have the broker keep nothing on a topic."""
        self._states.pop(topic, None)
        self.send(Outgoing(topic=topic, payload=b"", retain=True))

    def show_again(self) -> None:
        """Send all states once more."""
        for message in list(self._states.values()):
            self.send_now(message)

    @property
    def is_well(self) -> bool:
        """Tell whether commands are heard as soon as there is a broker; any thread may ask."""
        connection = self._connection
        return connection is None or connection.is_well

    @property
    def is_idle(self) -> bool:
        """Tell whether every message has arrived."""
        return not self._waiting and not self._under_way

    def close(self) -> None:
        """Leave in order; what has not arrived is lost."""
        left = len(self._waiting) + len(self._under_way)
        if left:
            _log.warning("MQTT: %d messages were not delivered before the end", left)
        self._drop_connection()

    # --- told by the connection -------------------------------------------------------------

    def on_connected(self) -> None:
        """Take up the work."""
        self._is_connected = True
        self._is_heard_of = False
        self._last_said = ""
        self._silences = 0
        if self._connection is not None:
            self._connection.subscribe(self._subscriptions)
        # A state that waited is older than the one that is sent now.
        waiting = [message for message in self._waiting if message.topic not in self._states]
        self._waiting.clear()
        self.show_again()
        self._on_connected()
        self._waiting.extend(waiting)
        self._pump()

    def on_subscribed(self, refusals: dict[str, str | None]) -> None:
        """Say that we are there: a command that is published from now on is heard."""
        for topic, refusal in refusals.items():
            if refusal is not None:
                _log.error("MQTT: the broker does not let us listen on %s: %s", topic, refusal)
        if self._is_heard_of or not self._is_connected:
            return
        self._is_heard_of = True
        commands = [topic for topic in self._topics.commands if refusals.get(topic) is None]
        _log.info(
            "MQTT: connected to %s (%s), commands on %s",
            self._broker,
            self._version,
            ", ".join(commands) or "no topic",
        )

    def on_refused(self, reason: str, *, is_old: bool) -> None:
        """Take note that the broker answered no; `is_old`: since it speaks MQTT 3.1.1 only."""
        if is_old:
            self._change_version(Version.V311, reason)
        else:
            self._say(logging.ERROR, f"the broker at {self._broker} refused us: {reason}")
            self._on_refused()

    def on_silent(self) -> None:
        """Take note that the broker hung up without an answer.

        MQTT 3.1.1 §3.1.2.2 lets it do so when it does not know the version; or it is just starting.
        """
        self._silences += 1
        said = "it hung up without an answer"
        if self._silences < SILENCES_MEAN_NO:
            self._say(logging.WARNING, f"the broker at {self._broker}: {said}")
        else:
            other = Version.V311 if self._version is Version.V5 else Version.V5
            self._change_version(other, said)

    def on_unreachable(self, reason: str) -> None:
        """Take note that there is no broker."""
        self._say(logging.WARNING, f"no broker answers at {self._broker}; trying again ({reason})")

    def on_lost(self, reason: str) -> None:
        """Take note that the connection is gone."""
        if not self._is_connected:
            return  # it was refused, which is said already
        self._is_connected = False
        self._take_back()
        _log.warning("MQTT: the connection to %s was lost: %s", self._broker, reason)
        if reason == "Session taken over":
            _log.error("MQTT: another client has our id; give each ha-sip an INSTANCE_NAME")

    def on_arrived(self, message_id: int, refusal: str | None) -> None:
        """Take note that the broker has a message, or does not take it."""
        message = self._under_way.pop(message_id, None)
        if message is not None and refusal is not None and self._may_send(message.topic):
            self._forbid(message.topic, refusal)
        self._pump()

    # --- the rest ---------------------------------------------------------------------------

    def _reopen(self) -> None:
        """Connect; what an old connection was handed waits for the new one."""
        if self._settings is None:
            return
        self._drop_connection()
        self._take_back()
        connection = Connection(self._loop, self._settings, self._version, self, self._hear)
        will = Outgoing(topic=self._topics.availability, payload=OFFLINE, retain=True)
        connection.start(will)
        self._connection = connection  # started first: other threads ask it whether it is well

    def _change_version(self, version: Version, why: str) -> None:
        """Begin anew in another version."""
        self._say(
            logging.INFO,
            f"{self._broker} does not take {self._version} ({why}); trying {version}",
        )
        self._version = version
        self._silences = 0
        self._reopen()

    def _take_back(self) -> None:
        """Have what was not acknowledged wait for the next connection."""
        if self._connection is not None:
            self._connection.take_back()
        left = [one for one in self._under_way.values() if self._may_send(one.topic)]
        self._waiting.extendleft(reversed(left))
        self._under_way.clear()

    def _forbid(self, topic: str, refusal: str) -> None:
        """Publish there no more: some brokers end the connection of who tries."""
        own = f"{self._topics.base}/"
        self._forbidden.add(own if topic.startswith(own) else topic)
        _log.error(
            "MQTT: the broker does not let us publish on %s: %s; %s",
            topic,
            refusal,
            f"allow {own}# to us" if topic.startswith(own) else "nothing is sent there any more",
        )
        kept = [message for message in self._waiting if self._may_send(message.topic)]
        self._waiting = deque(kept)

    def _may_send(self, topic: str) -> bool:
        forbidden = self._forbidden
        own = f"{self._topics.base}/"
        return topic not in forbidden and not (own in forbidden and topic.startswith(own))

    def _drop_connection(self) -> None:
        self._is_connected = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _pump(self) -> None:
        connection = self._connection
        while (
            connection is not None
            and self._is_connected
            and self._waiting
            and len(self._under_way) < MOST_UNDER_WAY
        ):
            message_id = connection.publish(self._waiting[0])
            if message_id is None:
                return
            self._under_way[message_id] = self._waiting.popleft()
        if self._dropped and not self._waiting:
            _log.warning(
                "MQTT: %d messages were dropped, since the broker was away or slow", self._dropped
            )
            self._dropped = 0

    def _say(self, level: int, text: str) -> None:
        """Log what goes wrong once, not at every attempt."""
        if text != self._last_said:
            self._last_said = text
            _log.log(level, "MQTT: %s", text)

    @property
    def _broker(self) -> str:
        settings = self._settings
        return "" if settings is None else f"{settings.address}:{settings.port}"
