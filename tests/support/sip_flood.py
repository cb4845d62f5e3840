"""A flood of SIP requests by UDP, in a process of its own, so that it disturbs no measurement.

`python sip_flood.py HOST PORT SOURCE SECONDS METHOD=PER_SECOND…` sends, and prints as JSON how many
answers of which status (and Retry-After) each kind of request got. A kind is a method; `~` before
it has it say that it is within a dialog, which there is not.
"""

from __future__ import annotations

import collections
import contextlib
import json
import random
import re
import socket
import sys
import threading
import time

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
WAIT_FOR_ANSWERS_S = 1.0
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
_RETRY_AFTER = re.compile(rb"^Retry-After: *(\d+)", re.MULTILINE)
_KIND = re.compile(rb"^Call-ID: ([^-\r\n]+)-", re.MULTILINE | re.IGNORECASE)


def request(kind: str, number: int, host: str, port: int, own: tuple[str, int]) -> bytes:
    """Return a request."""
    method = kind.removeprefix("~")
    tag = f";tag=forged{number}" if kind.startswith("~") else ""
    body = SDP if method == "INVITE" else ""
    at = f"{own[0]}:{own[1]}"
    unique = f"{number}.{random.getrandbits(32):x}"
    return (
        f"{method} sip:house@{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {at};branch=z9hG4bK{unique}\r\n"
        f"From: <sip:flood{number % 1000}@{at}>;tag={unique}\r\nTo: <sip:house@{host}>{tag}\r\n"
        f"Call-ID: {kind}-{unique}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:flood@{at}>\r\n"
        + ("Content-Type: application/sdp\r\n" if body else "")
        + f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def count_answers(
    connection: socket.socket, seen: collections.Counter[str], is_over: threading.Event
) -> None:
    """Count final answers by kind and status; each transaction once."""
    counted = set[tuple[bytes, bytes]]()
    while not is_over.is_set():
        try:
            answer = connection.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            return
        status, kind = _STATUS.match(answer), _KIND.search(answer)
        if status is None or kind is None or status[1].startswith(b"1"):
            continue
        line = answer[kind.start() : answer.index(b"\r", kind.start())]
        if (line, status[1]) not in counted:
            counted.add((line, status[1]))
            said = [kind[1], status[1], *_RETRY_AFTER.findall(answer)]
            seen[b" ".join(said).decode()] += 1


def main() -> None:
    """Send for a while."""
    host, port, source, seconds, *rates = sys.argv[1:]
    per_s = {kind: int(rate) for kind, _, rate in (one.partition("=") for one in rates)}
    turns = [kind for kind, rate in per_s.items() for _ in range(rate)]
    random.Random(1).shuffle(turns)
    seen = collections.Counter[str]()
    is_over = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.bind((source, 0))
        connection.settimeout(0.1)
        own = connection.getsockname()
        reader = threading.Thread(target=count_answers, args=(connection, seen, is_over))
        reader.start()
        started = time.monotonic()
        total = len(turns) * int(seconds)
        for number in range(total):
            data = request(turns[number % len(turns)], number, host, int(port), own)
            with contextlib.suppress(OSError):
                connection.sendto(data, (host, int(port)))
            time.sleep(max(0.0, started + number / len(turns) - time.monotonic()))
        took_s = time.monotonic() - started
        is_over.wait(WAIT_FOR_ANSWERS_S)
        is_over.set()
        reader.join()
    print(json.dumps({"sent": total, "took_s": round(took_s, 2), "answers": dict(seen)}))


if __name__ == "__main__":
    main()
