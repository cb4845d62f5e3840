"""One HTTP request to Home Assistant, with limits to its time and size.

Every request has a connection of its own. A kept one may be closed by a Home Assistant that
restarts just when the next request is written to it, and then nobody knows whether that arrived: an
event would be lost or doubled, a gate toggled twice. A new connection costs 0.3 ms, 2 ms by TLS.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hasip import __version__
from hasip.dataclass import dataclass
from hasip.homeassistant.errors import (
    BadAnswerError,
    MisconfiguredError,
    TimedOutError,
)
from hasip.homeassistant.lean_requests import requests
from hasip.homeassistant.tls import speaks_tls, trusted
from hasip.homeassistant.translation import broke, translated

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

# It warns of odd headers with all that came, and a traceback; our own error says it in a line.
logging.getLogger("urllib3").setLevel(logging.ERROR)

CONNECT_TIMEOUT_S = 5.0
LARGEST_ANSWER_BYTES = 1024 * 1024
LARGEST_DOWNLOAD_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 65_536
_MOST_REDIRECTS = 3
_HAS_END = frozenset({"content-length", "transfer-encoding"})  # headers that say where it ends


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body is empty where it went into a file."""

    status: int
    kind: str  # the media type, without parameters
    location: str  # of a redirect
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text, whatever its bytes are."""
        return self.body.decode("utf-8", "replace")


class Transport:
    """Sends requests; may be used by several threads at once."""

    def __init__(self, token: str | None, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._headers = {
            "User-Agent": f"ha-sip/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        # A session for each thread: to make one takes a tenth of the time of a request.
        self._kept = threading.local()

    def post(self, url: str, body: Mapping[str, Any], doing: str, timeout_s: float) -> Answer:
        """Send JSON; a redirect is returned, not followed, since it would become a GET."""
        headers = self._headers | self._authorization
        request = requests.Request("POST", url, headers, json=body)
        with self._session() as session:
            return _send(session, request, doing, timeout_s)

    def get(
        self,
        url: str,
        doing: str,
        timeout_s: float,
        *,
        with_token: bool = True,
        target: BinaryIO | None = None,
    ) -> Answer:
        """Fetch something, into `target` where it is given and the answer is good."""
        headers = self._headers | (self._authorization if with_token else {})
        with self._session() as session:
            return _send(session, requests.Request("GET", url, headers), doing, timeout_s, target)

    def _session(self) -> requests.Session:
        """Return this thread's session; its `with` closes what is connected, not the session."""
        session: requests.Session | None = getattr(self._kept, "session", None)
        if session is None:
            session = self._kept.session = requests.Session()
            session.trust_env = False  # no search for proxies and .netrc with every request
            session.max_redirects = _MOST_REDIRECTS
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # none is kept
            adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1)
            session.mount("http://", adapter)
            session.mount("https://", _TlsAdapter(self))
        return session

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """Whom we trust; made when it is first needed."""
        return trusted(self._ca_file)


class _TlsAdapter(requests.adapters.HTTPAdapter):
    """Connects by the context of the transport: to make one for every request takes 20 ms."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        super().__init__(pool_connections=1, pool_maxsize=1)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - theirs
        """Send; now it is certain that the context is needed."""
        self.poolmanager.connection_pool_kw["ssl_context"] = self._transport.tls
        return super().send(*args, **kwargs)

    def cert_verify(self, conn: Any, *_: object) -> None:  # noqa: ANN401 - theirs
        """Verify by what the context trusts, and nothing else."""
        conn.cert_reqs = "CERT_REQUIRED"


def _send(
    session: requests.Session,
    request: requests.Request,
    doing: str,
    timeout_s: float,
    target: BinaryIO | None = None,
) -> Answer:
    """Send a request and read its answer to the end; raises a `HomeAssistantError`."""
    ends_at = time.monotonic() + timeout_s
    with translated(doing):
        try:
            answer = session.send(
                request.prepare(),  # the session has nothing to add
                timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
                allow_redirects=request.method == "GET",
                stream=True,
            )
        except requests.ConnectionError as error:
            _explain_plain_http(request.url, doing, error)
            raise
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        location = answer.headers.get("Location", "")
        body = _read(answer, doing, ends_at, target if answer.ok else None)
        if (
            target is None
            and not body
            and not _HAS_END.intersection(map(str.lower, answer.headers))
        ):
            msg = f"{doing}: the connection broke in the headers of the answer"
            raise TimedOutError(msg)
        return Answer(answer.status_code, kind, location, body)


def _read(answer: requests.Response, doing: str, ends_at: float, target: BinaryIO | None) -> bytes:
    """Read to the end; raises where that is too far away, or takes too long."""
    largest = LARGEST_ANSWER_BYTES if target is None else LARGEST_DOWNLOAD_BYTES
    parts: list[bytes] = []
    size = 0
    # read1 returns what is there; iter_content would wait for a whole chunk of a slow answer.
    while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
        size += len(chunk)
        if size > largest:
            msg = f"{doing}: the answer is larger than {largest} bytes"
            raise BadAnswerError(msg)
        if time.monotonic() > ends_at:
            msg = f"{doing}: the answer had not ended in time, after {size} bytes"
            raise TimedOutError(msg)
        if target is None:
            parts.append(chunk)
        else:
            target.write(chunk)
    return b"".join(parts)


def _explain_plain_http(url: str, doing: str, error: requests.ConnectionError) -> None:
    """Raise where a connection broke since https is spoken there: then nothing can have arrived."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not broke(error):
        return
    if speaks_tls(parts.hostname, parts.port or 80, CONNECT_TIMEOUT_S):
        msg = f"{doing}: https is spoken there; let HA_BASE_URL begin with https://"
        raise MisconfiguredError(msg) from error
