"""Just enough of TURN (RFC 8656, by STUN, RFC 8489) to see whether a server relays for us."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import struct
from typing import TYPE_CHECKING

from hasip.errors import HaSipError
from hasip.sip.stun import (
    HEADER_LENGTH,
    MAGIC_COOKIE,
    NO_ANSWER,
    ask,
    kind_of,
    new_message,
    shown_peer,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hasip.sip.stun import Server

_ALLOCATE, _REFRESH = 0x0003, 0x0004
_SUCCESS, _ERROR = 0x0100, 0x0110
_USERNAME, _INTEGRITY, _ERROR_CODE = 0x0006, 0x0008, 0x0009
_LIFETIME, _REALM, _NONCE = 0x000D, 0x0014, 0x0015
_RELAYED, _TRANSPORT = 0x0016, 0x0019
_BY_UDP = b"\x11\0\0\0"
UNAUTHORIZED = 401
_INTEGRITY_LENGTH = 24


class RefusedError(HaSipError):
    """The server says no."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


def allocate(server: Server, login: tuple[str, str]) -> tuple[str, str]:
    """Return where it is and where it relays for us, and have it end that; waits.

    Raises `RefusedError` with the server's code, and `SipError` where nothing comes back.
    """
    with told(f"TURN server {server.name}, {server.connection}"), server.connected() as sock:
        return shown_peer(sock), _Conversation(sock, login).allocate()


class _Conversation:
    """Requests and their answers."""

    def __init__(self, sock: socket.socket, login: tuple[str, str]) -> None:
        self._socket = sock
        self._user, self._password = login
        self._key: bytes | None = None
        self._known: dict[int, bytes] = {}  # what is in each request, once there is a challenge

    def allocate(self) -> str:
        """Ask twice: the first answer is a challenge (RFC 8489 §9.2.3)."""
        wanted = {_TRANSPORT: _BY_UDP}
        try:
            answer = self._ask(_ALLOCATE, wanted)
        except RefusedError as error:
            if error.code != UNAUTHORIZED or self._key is None:
                raise
            answer = self._ask(_ALLOCATE, wanted)
        relayed = answer.get(_RELAYED, b"")
        # That it relays is known; what it does not end now ends by itself (RFC 8656 §3.2).
        with contextlib.suppress(RefusedError, OSError, IndexError):
            self._ask(_REFRESH, {_LIFETIME: bytes(4)})
        port, number = struct.unpack("!HI", relayed[2:8])  # XORed, RFC 8489 §14.2
        host = socket.inet_ntoa(struct.pack("!I", number ^ MAGIC_COOKIE))
        return f"{host}:{port ^ (MAGIC_COOKIE >> 16)}"

    def _ask(self, method: int, attributes: Mapping[int, bytes]) -> dict[int, bytes]:
        answer = ask(self._socket, _message(method, {**attributes, **self._known}, self._key))
        found = dict(_attributes(answer))
        if kind_of(answer) == method | _SUCCESS:
            return found
        if kind_of(answer) != method | _ERROR:
            raise OSError(NO_ANSWER)
        said = found.get(_ERROR_CODE, b"")
        if self._key is None and _REALM in found:
            realm, self._known = found[_REALM], {_USERNAME: self._user.encode()}
            self._known |= {_REALM: realm, _NONCE: found.get(_NONCE, b"")}
            secret = b":".join([self._user.encode(), realm, self._password.encode()])
            self._key = hashlib.md5(secret, usedforsecurity=False).digest()
        raise RefusedError(100 * said[2] + said[3], said[4:].decode("utf-8", "replace"))


def _message(method: int, attributes: Mapping[int, bytes], key: bytes | None) -> bytes:
    body = b"".join(
        struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
        for kind, value in attributes.items()
    )
    if key is None:
        return new_message(method, body)
    message = new_message(method, body, _INTEGRITY_LENGTH)
    digest = hmac.new(key, message, hashlib.sha1).digest()  # RFC 8489 §14.5
    return message + struct.pack("!HH", _INTEGRITY, len(digest)) + digest


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = HEADER_LENGTH
    while at + 4 <= len(message):
        kind, length = struct.unpack("!HH", message[at : at + 4])
        yield kind, message[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
