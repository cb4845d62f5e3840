"""A wild automation: publishes commands at a steady rate, in a process of its own.

`python flood.py PORT TOPIC PER_SECOND SECONDS` reads the commands, one a line, from stdin, and
sends them over and over, each with its number as `request_id`.
"""

from __future__ import annotations

import itertools
import json
import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    """Send, and leave when the broker has all of it."""
    port, topic, per_s, seconds = sys.argv[1:]
    commands = itertools.cycle([json.loads(line) for line in sys.stdin])
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    started = time.monotonic()
    for number in range(int(per_s) * int(seconds)):
        time.sleep(max(0.0, started + number / int(per_s) - time.monotonic()))
        body = json.dumps({**next(commands), "request_id": str(number)})
        info = client.publish(topic, body, qos=1)
    info.wait_for_publish(30)
    print(f"{time.monotonic() - started:.2f}")
    client.disconnect()


if __name__ == "__main__":
    main()
