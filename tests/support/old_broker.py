"""A broker that does not know MQTT 5: a real one behind a door that lets MQTT 3.1.1 in only.

The door answers a CONNECT of another version as MQTT 3.1.1 §3.1.2.2 says: with return code 1, or by
closing the connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

V311 = 4
# Where CONNECT has its version: fixed header of two bytes, then the name `MQTT` with its length.
VERSION_AT = 8
UNACCEPTABLE = b"\x20\x02\x00\x01"


class OldBroker:
    """Listens on a port of its own, and passes on to a broker."""

    def __init__(self, broker: tuple[str, int], *, answers: bool) -> None:
        """`answers`: whether it says why it closes a connection."""
        self._broker = broker
        self._answers = answers
        self.versions: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        """Be there."""
        threading.Thread(target=self._accept, name="old-broker", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            first = client.recv(4096)
            version = first[VERSION_AT + (first[1] >= 0x80)]
            self.versions.append(version)
            if version != V311:
                if self._answers:
                    client.sendall(UNACCEPTABLE)
                return
            with socket.create_connection(self._broker) as server:
                server.sendall(first)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
