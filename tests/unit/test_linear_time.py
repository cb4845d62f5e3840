"""What reads text from outside takes time that grows with its length, not with its square.

A regular expression holds up all threads: a stranger's packet must not take seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hasip import log
from hasip.audio.local_speech import without_template
from hasip.calls import uri
from hasip.calls.screening import NumberFilter, NumberPatterns
from hasip.sip import locate, media_names, poison, received, redirects, replaces, sdp, slim
from hasip.sip.challenges import ChallengeMemory

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 16_000  # what pjsip takes in one packet by UDP
SMALL = LARGE // 4
LIMIT_S = 0.03
# Four times the text may take four times as long; with its square it is sixteen times.
MOST_TIMES = 9.0
RUNS = (
    " ", "\t", "\r\n ", "\n", "a", "1", ",", ";", '"', '\\"', "<", ">", ":", "@", "%41", "-", "=",
    "sip:", "sip:;", "sip:a@", "; ", ", ", ";a=b", "{{", "Signal", "tag", "SIP", "cause=", "*",
)  # fmt: skip
_HEAD = "INVITE sip:a@h SIP/2.0\r\n"


def _in_headers(
    read: Callable[[str], object], *starts: str
) -> tuple[Callable[[str], object], tuple[str, ...]]:
    return lambda text: read(f"{_HEAD}{text}\r\n\r\n"), starts


def _redirected(message: str) -> None:
    chain = redirects.Redirects(follow=True)
    chain.begin("sip:x@h")
    chain.judge("sip:y@h", message)


_FILTER = NumberFilter(blocked=NumberPatterns(["{*}1{*}1{*}a{?}{*}2"]))


def _filtered(text: str) -> None:
    # As long as a From gets at most.
    who = text[: received.LONGEST_VALUE]
    _FILTER.admits(who)


def _caller(message: str) -> None:
    uri.who(received.party(message, "From") or "")


def _refused(message: str) -> None:
    try:
        replaces.read_replaces(message)
    except ValueError:
        return


def _challenged(message: str) -> None:
    ChallengeMemory().is_refusal(f"SIP/2.0 401 x\r\nCSeq: 1 INVITE\r\n{message}")


_URI_STARTS = (
    "",
    "<",
    "sip:",
    "sip:a",
    "sip:a@h;x=1",
    '"',
    '"a"',
    '"a" <',
    "<sip:a@h>;",
    "sip:a@h;transport",
    "tel:",
)
_SDP_STARTS = (
    "",
    "m=audio ",
    "m=audio 1 RTP/AVP ",
    "a=rtpmap:",
    "a=fmtp:1 ",
    "c=IN IP4 ",
    "m=audio 1 ",
)
_HEADER_STARTS = (
    "",
    "From: ",
    "From: sip:a@h;x=1",
    'From: "',
    'From: "a"',
    "From: <sip:a@h>;",
    "From: <sip:",
    "f: a",
    "Contact:",
    "Contact: <sip:a@h>,",
    "m:",
    "Via: SIP/2.0/UDP ",
    "Via: SIP",
    "To: <sip:h>;tag",
)
READERS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "poison": _in_headers(lambda text: poison.what_is_wrong(text.encode()), *_HEADER_STARTS, "c="),
    "caller": _in_headers(_caller, *_HEADER_STARTS),
    "tag": _in_headers(lambda text: received.tag(text, "From"), *_HEADER_STARTS),
    "sent_by": _in_headers(received.sent_by, "Via: ", "Via: SIP"),
    "extract_headers": _in_headers(
        lambda text: received.extract_headers(text, ["From", "Contact", "X"]), *_HEADER_STARTS
    ),
    "reason": _in_headers(
        received.is_taken_elsewhere,
        "Reason: ",
        "Reason: SIP;",
        "Reason: SIP;cause",
        "Reason: Q.850;",
    ),
    "digit_of_info": _in_headers(
        received.digit_of_info, "Content-Type: ", "Content-Type: application/dtmf\r\n\r\n"
    ),
    "replaces": _in_headers(
        _refused, "Replaces: ", "Replaces: a;", "Replaces: a;b=", "Replaces: a;b"
    ),
    "redirects": _in_headers(_redirected, "Contact: ", "Contact: <sip:", "Contact: a:"),
    "challenges": (
        _challenged,
        ("WWW-Authenticate: realm", 'WWW-Authenticate: realm="', "CSeq: 1"),
    ),
    "parse_number": (uri.parse_number, _URI_STARTS),
    "who": (uri.who, _URI_STARTS),
    "addr_spec": (uri.addr_spec, _URI_STARTS),
    "without_display_name": (uri.without_display_name, _URI_STARTS),
    "host_of": (uri.host_of, _URI_STARTS),
    "transport_of": (uri.transport_of, _URI_STARTS),
    "has_scheme": (uri.has_scheme, _URI_STARTS),
    "own_uri": (lambda text: uri.own_uri(text, "sip:a@h", "sip:h;transport=tcp"), _URI_STARTS),
    "destination_of": (locate.destination_of, _URI_STARTS),
    "bare_uri": (redirects.bare_uri, _URI_STARTS),
    "clean": (received.clean, ("", "{")),
    "codecs": _in_headers(sdp.codecs, *_SDP_STARTS),
    "protocol": _in_headers(sdp.protocol, *_SDP_STARTS),
    "silence": _in_headers(
        lambda text: sdp.leaves_silence_out(f"m=audio 1 x 1\r\n{text}"), *_SDP_STARTS
    ),
    "lacks_address": _in_headers(
        lambda text: sdp.lacks_address(text.encode()),
        "l:",
        "Content-Type: multipart/a\r\n\r\n",
        "\r\nm=",
    ),
    "media names": _in_headers(
        lambda text: list(media_names.changes_for(text.encode())),
        "\r\n",
        "\r\nc=",
        "\r\nc=IN IP4 ",
        "\r\na=rtcp:",
        "\r\na=candidate:",
    ),
    "slim": (slim.slim, _SDP_STARTS),
    "number filter": (_filtered, ("", "sip:")),
    "log line": (log.one_line, ("",)),
    "pjsip's log": (log.lines_of_one_entry, ("",)),
    "digits in the log": (
        lambda text: log._DIGIT_IN_PJSIP_LINE.sub("*", text),
        ("", "Signal", "Signal="),
    ),
    "without_template": (without_template, ("", "{{", "{%")),
}


@pytest.mark.parametrize("name", READERS)
def test_the_time_grows_with_the_length_of_what_a_stranger_sends(name: str) -> None:
    read, starts = READERS[name]
    for start in starts:
        for run in RUNS:
            for end in ("", "!", "@h", "x;tag=1"):

                def text(size: int, start: str = start, run: str = run, end: str = end) -> str:
                    return start + run * (size // len(run)) + end

                if _seconds(read, text(LARGE), 1) < LIMIT_S:
                    continue
                large, small = _seconds(read, text(LARGE), 3), _seconds(read, text(SMALL), 3)
                assert large < LIMIT_S or large < MOST_TIMES * small, (start, run, end, large)


ORDINARY = "Subject: how are you <sip:a@h>;x=1, c=2\r\n"
# Of a separator and what follows it, up to what expressions count to at most: 254 and 1,000.
SHORT_RUNS = ((1, 253), (253, 1), (60, 60), (1, 999), (999, 1))
MOST_OF_ORDINARY = 12.0
NEVER_TOO_LONG_S = 0.01
# What we write ourselves; and the log, into which strangers get little.
NOT_OF_STRANGERS = frozenset({"slim", "without_template", "log line", "pjsip's log"})


@pytest.mark.parametrize("name", [name for name in READERS if name not in NOT_OF_STRANGERS])
def test_short_runs_take_no_longer_than_ordinary_text(name: str) -> None:
    """A search that looks far ahead from each of many places is linear, and slow all the same."""
    read, starts = READERS[name]
    ordinary = _seconds(read, starts[0] + ORDINARY * (LARGE // len(ORDINARY)), 3)
    limit = max(MOST_OF_ORDINARY * ordinary, NEVER_TOO_LONG_S)
    for separator in RUNS:
        for many, far in SHORT_RUNS:
            for filler in (" ", "a"):
                run = separator * many + filler * far
                text = starts[0] + run * (LARGE // len(run))
                if _seconds(read, text, 1) > limit:
                    took = _seconds(read, text, 3)
                    assert took < limit, (separator, many, far, filler, took, ordinary)


def _seconds(read: Callable[[str], object], text: str, times: int) -> float:
    """Return the processor time of this thread, the best of so many times."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        read(text)
        taken.append(time.thread_time() - began)
    return min(taken)
