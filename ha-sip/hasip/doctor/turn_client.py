"""Just enough of TURN (RFC 8656, by STUN, RFC 8489) to see whether a server relays for us."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
from typing import TYPE_CHECKING

from hasip.errors import HaSipError, SipError
from hasip.sip.nat_servers import CONNECT_S, NO_ANSWER, TRIES_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_COOKIE = 0x2112A442
_ALLOCATE, _REFRESH = 0x0003, 0x0004
_SUCCESS, _ERROR = 0x0100, 0x0110
_USERNAME, _INTEGRITY, _ERROR_CODE = 0x0006, 0x0008, 0x0009
_LIFETIME, _REALM, _NONCE = 0x000D, 0x0014, 0x0015
_RELAYED, _TRANSPORT = 0x0016, 0x0019
_BY_UDP = b"\x11\0\0\0"
_UNAUTHORIZED = 401
_HEADER = 20
_INTEGRITY_LENGTH = 24


class RefusedError(HaSipError):
    """The server says no."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


def allocate(
    address: str, name: str, connection: str, login: tuple[str, str], ca_file: Path | None
) -> str:
    """Return where a server relays for us, and have it end that; waits.

    Raises `RefusedError` with the server's code, and `SipError` where nothing comes back.
    """
    host, _, port = address.rpartition(":")
    try:
        with _connected((host, int(port)), name, connection, ca_file) as sock:
            return _Conversation(sock, login).allocate()
    except (OSError, struct.error, IndexError) as error:  # or an answer that is none
        msg = f"TURN server {name}, {connection}: {error}"
        raise SipError(msg) from error


def _connected(
    address: tuple[str, int], name: str, connection: str, ca_file: Path | None
) -> socket.socket:
    import ssl  # noqa: PLC0415 - large, and seldom used

    if connection == "udp":
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.connect(address)
        return udp
    tcp = socket.create_connection(address, CONNECT_S)
    if connection != "tls":
        return tcp
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context.wrap_socket(tcp, server_hostname=name.partition(":")[0])


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
            if error.code != _UNAUTHORIZED or self._key is None:
                raise
            answer = self._ask(_ALLOCATE, wanted)
        relayed = answer.get(_RELAYED, b"")
        self._ask(_REFRESH, {_LIFETIME: bytes(4)})
        port, number = struct.unpack("!HI", relayed[2:8])
        return f"{socket.inet_ntoa(struct.pack('!I', number ^ _COOKIE))}:{port ^ (_COOKIE >> 16)}"

    def _ask(self, method: int, attributes: Mapping[int, bytes]) -> dict[int, bytes]:
        transaction = os.urandom(12)
        request = _message(method, transaction, {**attributes, **self._known}, self._key)
        answer = self._answer(request, transaction)
        kind = struct.unpack("!H", answer[:2])[0]
        found = dict(_attributes(answer))
        if kind == method | _SUCCESS:
            return found
        if kind != method | _ERROR:
            raise OSError(NO_ANSWER)
        said = found.get(_ERROR_CODE, b"")
        if self._key is None and _REALM in found:
            realm, self._known = found[_REALM], {_USERNAME: self._user.encode()}
            self._known |= {_REALM: realm, _NONCE: found.get(_NONCE, b"")}
            secret = b":".join([self._user.encode(), realm, self._password.encode()])
            self._key = hashlib.md5(secret, usedforsecurity=False).digest()
        raise RefusedError(100 * said[2] + said[3], said[4:].decode("utf-8", "replace"))

    def _answer(self, request: bytes, transaction: bytes) -> bytes:
        """Send it, by UDP several times; return the answer to it."""
        for wait_s in TRIES_S:
            self._socket.settimeout(wait_s)
            if wait_s == TRIES_S[0] or self._socket.type == socket.SOCK_DGRAM:
                self._socket.sendall(request)
            try:
                answer = self._socket.recv(2048)
            except TimeoutError:
                continue
            if answer[8:_HEADER] == transaction:
                return answer
        raise TimeoutError(NO_ANSWER)


def _message(
    method: int, transaction: bytes, attributes: Mapping[int, bytes], key: bytes | None
) -> bytes:
    body = b"".join(
        struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
        for kind, value in attributes.items()
    )
    length = len(body) + (_INTEGRITY_LENGTH if key is not None else 0)
    message = struct.pack("!HHI", method, length, _COOKIE) + transaction + body
    if key is None:
        return message
    digest = hmac.new(key, message, hashlib.sha1).digest()  # RFC 8489 §14.5
    return message + struct.pack("!HH", _INTEGRITY, len(digest)) + digest


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = _HEADER
    while at + 4 <= len(message):
        kind, length = struct.unpack("!HH", message[at : at + 4])
        yield kind, message[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
