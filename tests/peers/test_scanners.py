"""What scanners do that SIPVicious does not: other methods, comparing answers, and their timing."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hasip.sip.strangers import ANSWERS_TO_STRANGER
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.phone import Phone
from support.ports import free_port
from support.sipp import run_sipp

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.message import Message

METHODS = ("OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE")
NAMES = ("hasip", "100", "admin", "house", "nobody", *map(str, range(1_000, 1_035)))
# One of these for each method: it is refused, or gets no answer; anything else is a failure.
REQUEST = """
  <send>
    <![CDATA[
      {0} sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
      From: <sip:[field0]@[remote_ip]>;tag=[call_number]
      To: <sip:[field0]@[remote_ip]>
      Call-ID: [call_id]
      CSeq: {1} {0}
      Contact: <sip:scan@[local_ip]:[local_port]>
      Event: presence
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
  <recv response="403" timeout="100" ontimeout="{1}"/>
  <label id="{1}"/>
"""
PAIRS = 44  # below the limit of requests at once
# How far from half of the pairs one name may be the slower one: by chance once in a million runs.
MOST_ASKEW = 5 * PAIRS**0.5 / 2


def test_a_scan_by_sipp_gets_a_few_refusals_then_nothing_and_no_event_is_sent(
    tmp_path: Path,
) -> None:
    """200 requests of five methods for 40 names."""
    port = free_port()
    requests = "".join(REQUEST.format(name, number) for number, name in enumerate(METHODS, 1))
    scenario, names = tmp_path / "scan.xml", tmp_path / "names.csv"
    whole = f'<?xml version="1.0" encoding="us-ascii"?>\n<scenario>{requests}</scenario>\n'
    scenario.write_text(whole, encoding="ascii")
    names.write_text("\n".join(["SEQUENTIAL", *NAMES, ""]), encoding="ascii")
    with (
        Kamailio(tmp_path, port, {"hasip": "secret"}),
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, menu_file={}, **account_at(port)) as gateway,
    ):
        gateway.wait_log("): registered")
        done = run_sipp(
            tmp_path,
            *("-sf", scenario, "-inf", names, "-i", "127.0.0.20"),
            *("-m", len(NAMES), "-r", "100", "-l", "50", "-nr"),
            *("-trace_msg", "-message_file", "messages.log", f"127.0.0.1:{gateway.port}"),
        )
        # What got no answer is a failure to SIPp, so its exit code says nothing.
        print(done.stdout[-3000:], done.stderr[-1000:])
        seen = (tmp_path / "messages.log").read_text(encoding="utf-8")
        assert [seen.count(f"\n{method} sip:") for method in METHODS] == [len(NAMES)] * len(METHODS)
        answers = re.findall(r"^SIP/2\.0 (\d+)", seen, re.MULTILINE)
        assert answers == ["403"] * ANSWERS_TO_STRANGER
        assert len([line for line in gateway.own_lines if "was refused" in line]) == 1
        assert house.event_names.count("incoming_call") == 0


def test_who_may_call_learns_no_names_by_the_answers_or_by_their_timing(tmp_path: Path) -> None:
    """The name of the account, and one that there is not, by all methods but INVITE."""
    methods = [method for method in METHODS if method != "INVITE"]
    with (
        GatewayProcess(tmp_path, SIP1_OPTIONS="--accept-from all") as gateway,
        Phone("scan", host="127.0.0.3") as scanner,
    ):
        told: dict[str, list[list[tuple[str, str]]]] = {"house": [], "nobody": []}
        took_s: dict[str, list[float]] = {"house": [], "nobody": []}
        for number in range(PAIRS):
            # Each name is asked for first as often as second.
            for name in ("house", "nobody") if number % 2 else ("nobody", "house"):
                request = request_for(scanner, methods[number // 2 % len(methods)], name, gateway)
                started = time.monotonic()
                answer = scanner.transact(request, gateway.address, 5.0)
                took_s[name].append(time.monotonic() - started)
                told[name].append(without_our_own(answer))

        assert told["house"] == told["nobody"]
        slower = sum(a > b for a, b in zip(took_s["house"], took_s["nobody"], strict=True))
        medians_ms = {name: 1000 * sorted(times)[PAIRS // 2] for name, times in took_s.items()}
        print(f"medians in ms: {medians_ms}; the account's name was slower in {slower} of {PAIRS}")
        assert abs(slower - PAIRS / 2) < MOST_ASKEW


def request_for(phone: Phone, method: str, name: str, gateway: GatewayProcess) -> Message:
    """Return a request for a name."""
    uri = f"sip:{name}@127.0.0.1:{gateway.port}"
    request = phone.request(method, uri, f"<{uri}>")
    request.headers += [("contact", f"<{phone.uri}>"), ("event", "presence")]
    return request


def without_our_own(answer: Message) -> list[tuple[str, str]]:
    """Return what an answer says beside what it repeats of the request."""
    repeated = {"via", "from", "to", "call-id", "cseq"}
    kept = [(name, value) for name, value in answer.headers if name not in repeated]
    return [("", answer.start), *kept, ("body", answer.body)]
