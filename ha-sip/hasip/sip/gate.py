"""Has the kernel drop new connections to listeners of ours, which pjsip can't be told.

Nothing else stops them: pjsip takes whoever connects. Those that are connected notice nothing, and
who is dropped tries again by himself (a SYN is sent again after 1, 3 and 7 s).
"""

from __future__ import annotations

import ctypes
import errno
import logging
import socket
import struct
from typing import TYPE_CHECKING

from hasip.tcp import stream_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

# asm-generic/socket.h
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
# linux/filter.h: drop a TCP segment without RST. With one, somebody gives up who is not connected
# yet; where the kernel does not hear of that he stays in the queue for half a minute.
_INSTRUCTIONS = (
    (0x30, 0, 0, 13),  # load the flags
    (0x45, 0, 1, 0x04),  # is there RST?
    (0x06, 0, 0, 0xFFFF_FFFF),  # take all
    (0x06, 0, 0, 0),  # take nothing
)
_FILTER = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in _INSTRUCTIONS))


class Gate:
    """The listeners of one port."""

    def __init__(self, port: int) -> None:
        self.listeners = list(_listeners(port))
        self.is_shut = False  # or should be, where the kernel refuses
        self._was_told = False

    def shut(self) -> None:
        """Drop every attempt to connect."""
        program = struct.pack("@HP", len(_INSTRUCTIONS), ctypes.addressof(_FILTER))
        self._set(_SO_ATTACH_FILTER, program)
        self.is_shut = True

    def open(self) -> None:
        """Let new ones in again."""
        self._set(_SO_DETACH_FILTER, bytes(4))
        self.is_shut = False

    def close(self) -> None:
        """Let go of the listeners."""
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()

    def _set(self, option: int, value: bytes) -> None:
        for listener in self.listeners:
            try:
                listener.setsockopt(socket.SOL_SOCKET, option, value)
            except OSError as error:
                # There was no filter to take away, or we are ending.
                if error.errno not in (errno.ENOENT, errno.EBADF):
                    self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._was_told:
            self._was_told = True
            _log.warning(
                "The kernel does not hold back new connections (%s), as in a sandbox that has no "
                "SO_ATTACH_FILTER: each that is too much is taken before it is closed, and the "
                "handshakes by TLS have no limit a second; a firewall can hold floods back",
                error.strerror,
            )


def _listeners(port: int) -> Iterator[socket.socket]:
    """Yield our listening sockets with that port, each with a descriptor of its own."""
    for found in stream_sockets():
        is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if is_listening and found.getsockname()[1] == port:
            yield found
        else:
            found.close()
