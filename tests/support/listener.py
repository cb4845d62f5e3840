"""A thread that takes what comes on a socket, and ends as soon as it is told to."""

from __future__ import annotations

import os
import select
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_DATAGRAM = 65_536


class Listener:
    """Gives each datagram to `take`, with the address that the socket says it came from."""

    def __init__(
        self, sock: socket.socket, take: Callable[[bytes, Any], object], name: str
    ) -> None:
        self._socket = sock
        self._take = take
        self._told_to_stop = os.eventfd(0)
        weakref.finalize(self, os.close, self._told_to_stop)  # two threads may stop us
        self._thread = threading.Thread(target=self._listen, name=name, daemon=True)

    def start(self) -> None:
        """Listen, once."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more; the socket stays open. May be called by any thread, also by `take`."""
        os.eventfd_write(self._told_to_stop, 1)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5)

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._told_to_stop, select.POLLIN)
        waiting.register(self._socket, select.POLLIN)
        while self._told_to_stop not in dict(waiting.poll()):
            try:
                data, address = self._socket.recvfrom(LONGEST_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:  # it was broken
                continue
            except OSError:  # closed
                return
            self._take(data, address)


class Listening:
    """Listens on a socket of its own for the length of a block."""

    def __init__(
        self, sock: socket.socket, take: Callable[[bytes, Any], object], name: str
    ) -> None:
        self._socket = sock
        self._listener = Listener(sock, take, name)

    def __enter__(self) -> Self:
        """Begin."""
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and close the socket."""
        self._listener.stop()
        self._socket.close()
