"""Asks a running gateway whether it is well.

Imports next to nothing: a container asks every few seconds, on small computers too.
"""

from __future__ import annotations

import os
import socket

OPTION = "--healthcheck"
# Names the socket of the gateway; it has none without.
SOCKET_VARIABLE = "HASIP_HEALTH_SOCKET"
WELL = "ok"
# Longer than the gateway gives its parts to answer: its own words say more than "no answer".
TIMEOUT_S = 5.0
MOST_BYTES = 1_000


def ask(path: str, timeout_s: float = TIMEOUT_S) -> str:
    """Return `WELL`, or what is wrong; waits for at most `timeout_s`, and never raises."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(path)
            answer = connection.recv(MOST_BYTES).decode("utf-8", "replace").strip()
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as error:
        return f"no answer at {path}: {error.strerror or error}"
    return answer or "it hung up without an answer"


def main() -> int:
    """Print the answer; returns 0 where the gateway is well, else 1."""
    path = os.environ.get(SOCKET_VARIABLE, "")
    answer = ask(path) if path else f"{SOCKET_VARIABLE} is not set: the gateway can't be asked"
    print(answer)  # noqa: T201 - that is what it is for
    return 0 if answer == WELL else 1
