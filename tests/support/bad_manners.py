"""What a Home Assistant, or whoever else listens at its address, may answer that is no good."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

PAGE = b"<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>"
HUGE_BYTES = 4 * 1024 * 1024
_DRIP_S = 0.05
_PATIENCE_S = 60.0


class Manner(StrEnum):
    """How an answer is spoilt."""

    RESET = "reset"  # the connection, without an answer
    CUT_HEADERS = "cut headers"
    CUT_BODY = "cut body"  # shorter than its Content-Length
    CUT_CHUNKS = "cut chunks"  # without the last chunk
    DRIP = "drip"  # a byte now and then, so that no read ever times out
    DRIP_BODY = "drip body"
    EMPTY = "empty"
    PAGE = "page"  # a web page with status 200
    PAGE_AS_AUDIO = "page as audio"
    NOT_JSON = "not json"
    WRONG_TYPES = "wrong types"
    HUGE = "huge"
    REDIRECT = "redirect"  # 301, as a proxy sends to https
    NOT_HTTP = "not http"
    ODD_HEADERS = "odd headers"


def misbehave(handler: BaseHTTPRequestHandler, manner: Manner) -> None:
    """Answer a request in this manner, and close the connection."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        _write(handler, manner)
    if manner is Manner.RESET:
        # No lingering: the other side gets RST in place of FIN.
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    elif manner is not Manner.DRIP:
        handler.wfile.flush()


def _write(handler: BaseHTTPRequestHandler, manner: Manner) -> None:  # noqa: C901 - a list
    write = handler.wfile.write
    match manner:
        case Manner.RESET:
            pass
        case Manner.CUT_HEADERS:
            write(b"HTTP/1.1 200 OK\r\nContent-Ty")
        case Manner.CUT_BODY:
            write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 9999\r\n\r\nRIFF")
        case Manner.CUT_CHUNKS:
            write(
                b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            write(b"1000\r\nRIFF")
        case Manner.DRIP:
            _drip(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ")
        case Manner.DRIP_BODY:
            _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n")
        case Manner.REDIRECT:
            host = handler.headers.get("Host", "")
            _answer(handler, "301 Moved Permanently", "text/html", PAGE, f"https://{host}/")
        case Manner.NOT_HTTP:
            write(b"SSH-2.0-OpenSSH_9.2p1\r\n" * 10)
        case Manner.ODD_HEADERS:
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nthis is none\r\nX: y\r\n\r\n{}")
        case Manner.EMPTY:
            _answer(handler, "200 OK", "application/json", b"")
        case Manner.PAGE:
            _answer(handler, "200 OK", "text/html; charset=utf-8", PAGE)
        case Manner.PAGE_AS_AUDIO:
            _answer(handler, "200 OK", "audio/mpeg", PAGE)
        case Manner.NOT_JSON:
            _answer(handler, "200 OK", "application/json", b'{"url": ')
        case Manner.WRONG_TYPES:
            _answer(handler, "200 OK", "application/json", b'{"url": 7, "path": ["x"], "state": 1}')
        case Manner.HUGE:
            _answer(handler, "200 OK", "application/json", b" " * HUGE_BYTES)


def _answer(
    handler: BaseHTTPRequestHandler, status: str, kind: str, body: bytes, location: str = ""
) -> None:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"Location: {location}"] if location else []
    handler.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)


def _drip(handler: BaseHTTPRequestHandler, beginning: bytes) -> None:
    handler.wfile.write(beginning)
    ends_at = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends_at:
        handler.wfile.write(b"x")
        time.sleep(_DRIP_S)
