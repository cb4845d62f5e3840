"""What scanners do that SIPVicious does not: other methods, comparing answers, and their timing."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hasip.sip.strangers import ANSWERS_PER_S, ANSWERS_TO_STRANGER
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.kamailio import Kamailio, account_at
from support.phone import Phone
from support.ports import free_port
from support.sipp import run_sipp
from support.source_build import source_python

if TYPE_CHECKING:
    from collections.abc import Sequence
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
PAIRS_OF_STRANGERS = 30  # each of an address of its own
# A name that there is, and one that there is not; each is asked for first as often as second.
ORDERS = (("house", "nobody"), ("nobody", "house"))


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
    """By all methods; a call is refused with a final answer, the same for every name."""
    with (
        GatewayProcess(
            tmp_path,
            python=source_python(),  # it takes more calls a second
            SIP1_OPTIONS="--accept-from all",
            SIP1_ANSWER_MODE="reject",
        ) as gateway,
        Phone("scan", host="127.0.0.3") as scanner,
    ):
        compared = Comparison(gateway)
        for number in range(PAIRS):
            compared.ask(scanner, METHODS[number // 2 % len(METHODS)], ORDERS[number % 2])
        compared.look()


def test_strangers_learn_no_names_by_the_answers_or_by_their_timing(tmp_path: Path) -> None:
    """By INVITE, each from an address that has not asked before: it gets an answer."""
    with GatewayProcess(tmp_path, SIP1_OPTIONS="--accept-from 127.0.0.1") as gateway:
        compared = Comparison(gateway)
        for number in range(PAIRS_OF_STRANGERS):
            with Phone("scan", host=f"127.0.1.{number + 1}") as scanner:
                compared.ask(scanner, "INVITE", ORDERS[number % 2])
            time.sleep(2 / ANSWERS_PER_S)  # strangers get no more than those
        compared.look()


class Comparison:
    """What is told of each of two names, and after how long."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._told: dict[str, list[list[tuple[str, str]]]] = {name: [] for name in ORDERS[0]}
        self._took_s: dict[str, list[float]] = {name: [] for name in ORDERS[0]}

    def ask(self, scanner: Phone, method: str, names: Sequence[str]) -> None:
        """Ask for one after the other."""
        for name in names:
            request = request_for(scanner, method, name, self._gateway)
            started = time.monotonic()
            answer = scanner.transact(request, self._gateway.address, 5.0)
            self._took_s[name].append(time.monotonic() - started)
            self._told[name].append(without_our_own(answer))

    def look(self) -> None:
        """Look whether the answers differ, or one name is the slower one too often.

        By chance that is so once in a million runs.
        """
        one, other = ORDERS[0]
        assert self._told[one] == self._told[other]
        pairs = len(self._told[one])
        both = zip(self._took_s[one], self._took_s[other], strict=True)
        slower = sum(a > b for a, b in both)
        medians_ms = {name: 1000 * sorted(all_)[pairs // 2] for name, all_ in self._took_s.items()}
        print(f"medians in ms: {medians_ms}; the account's name was slower in {slower} of {pairs}")
        assert abs(slower - pairs / 2) < 5 * pairs**0.5 / 2


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
