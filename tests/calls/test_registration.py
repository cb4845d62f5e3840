"""Registration at registrars that are slow, strict, silent or wrong."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest

from support.gateway import GatewayProcess
from support.registrar import Answer, ScriptedRegistrar
from support.source_build import python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="{}"\r\n'
waiting = Together(at_once=8, ahead=True)


def shipped(folder: Path, **settings: str) -> GatewayProcess:
    """Return a gateway on the build that we ship; much of what is tested here is pjsip's doing."""
    return GatewayProcess(folder, python=python_of("source"), **settings)


def account(number: int, registrar: ScriptedRegistrar) -> dict[str, str]:
    return {
        f"SIP{number}_ENABLED": "true",
        f"SIP{number}_ID_URI": f"sip:house{number}@127.0.0.1",
        f"SIP{number}_REGISTRAR_URI": registrar.uri,
    }


def expires_of(request: str) -> int:
    found = re.search(r"^Expires: (\d+)", request, re.MULTILINE)
    assert found is not None, request
    return int(found[1])


def test_a_registrar_that_wants_a_longer_time_gets_it(tmp_path: Path) -> None:
    """RFC 3261 §10.3: 423 with Min-Expires."""

    def answer(request: str) -> Answer:
        if 0 < expires_of(request) < 1800:
            return Answer("423 Interval Too Brief", headers="Min-Expires: 1800\r\n")
        return Answer(expires_s=1800)

    with (
        ScriptedRegistrar(answer) as registrar,
        shipped(tmp_path, **account(1, registrar)) as gateway,
    ):
        gateway.wait_log("): registered")
        assert [expires_of(text) for _, text in registrar.requests] == [300, 1800]


@waiting
def test_a_registrar_that_takes_10_s_is_waited_for(tmp_path: Path) -> None:
    with (
        ScriptedRegistrar(lambda _: Answer(after_s=10)) as registrar,
        shipped(tmp_path, **account(1, registrar)) as gateway,
    ):
        gateway.wait_log("): registered", 30)
        assert len(registrar.requests) == 1


@waiting
def test_a_registrar_that_is_silent_is_asked_again_and_the_program_ends_in_time(
    tmp_path: Path,
) -> None:
    """After two time-outs as well, where pjsua itself would pause for 300 s."""
    answers: list[Answer | None] = [None]
    with (
        ScriptedRegistrar(lambda _: answers[0]) as registrar,
        shipped(tmp_path, **account(1, registrar)) as gateway,
    ):
        failed = gateway.wait_lines("registration at", 2, 90)  # each after 32 s
        assert all("408" in line for line in failed)
        answers[0] = Answer()
        gateway.wait_log("): registered", 20)


@waiting
def test_a_short_time_is_refreshed_before_it_is_over(tmp_path: Path) -> None:
    with (
        ScriptedRegistrar(lambda _: Answer(expires_s=8)) as registrar,
        shipped(tmp_path, **account(1, registrar)) as gateway,
    ):
        wait_until(lambda: len(registrar.requests) >= 4, "4 requests", 30)
        times = [at for at, _ in registrar.requests[:4]]
        assert max(b - a for a, b in itertools.pairwise(times)) < 7
        assert not any("failed" in line for line in gateway.own_lines)


@pytest.mark.parametrize(
    ("status", "requests", "build"),
    [
        ("403 Forbidden", 1, "source"),
        ("404 Not Found", 1, "source"),
        ("401 Unauthorized", 2, "wheel"),
        ("401 Unauthorized", 2, "source"),
    ],
)
@waiting
def test_a_refusal_is_told_and_not_hammered(
    tmp_path: Path, status: str, requests: int, build: str
) -> None:
    """Asked again after 24 to 36 s; by two requests where the first asks for the password.

    That registrar takes no password, and each time it says so with a new nonce.
    """
    nonces = itertools.count()

    def answer(_: str) -> Answer:
        headers = CHALLENGE.format(next(nonces)) if status.startswith("401") else ""
        return Answer(status, headers=headers)

    with (
        ScriptedRegistrar(answer) as registrar,
        GatewayProcess(
            tmp_path,
            python=python_of(build),
            SIP1_USER_NAME="house1",
            SIP1_PASSWORD="wrong-word",
            **account(1, registrar),
        ) as gateway,
    ):
        assert status in gateway.wait_log("registration at")
        wait_until(lambda: len(registrar.requests) > requests, "it is asked again", 50)
        gateway.wait_lines("registration at", 2)
        times = [at for at, _ in registrar.requests]

        assert len(times) == 2 * requests
        assert times[requests] - times[requests - 1] >= 23


@waiting
def test_a_name_that_nobody_resolves_is_tried_again(tmp_path: Path) -> None:
    with shipped(
        tmp_path,
        SIP1_ID_URI="sip:house@nobody.invalid",
        SIP1_REGISTRAR_URI="sip:nobody.invalid",
    ) as gateway:
        gateway.wait_log("nobody.invalid cannot be resolved", 30)
        since = len(gateway.lines)
        gateway.wait_log("nobody.invalid cannot be resolved", 30, since)


def test_other_contacts_of_the_same_user_are_left_alone(tmp_path: Path) -> None:
    """A registrar lists all of them in its answer; ours is found among them."""
    others = "Contact: <sip:house1@10.9.9.9:5060>;expires=20\r\n" * 2
    with (
        ScriptedRegistrar(lambda _: Answer(headers=others)) as registrar,
        shipped(tmp_path, **account(1, registrar)) as gateway,
    ):
        gateway.wait_log("): registered")
        gateway.command({"command": "quit"})
        assert gateway.wait_exit() == 0
        for _, request in registrar.requests:
            assert "10.9.9.9" not in request
            assert not re.search(r"^Contact: \*", request, re.MULTILINE)
        assert expires_of(registrar.requests[-1][1]) == 0


@waiting
def test_the_nat_is_kept_open_by_udp_and_accounts_spread_their_refreshes(tmp_path: Path) -> None:
    """The NAT of a household forgets a way by UDP after 30 s and more."""
    with ScriptedRegistrar(lambda _: Answer(expires_s=3600)) as registrar:
        accounts = {}
        for number in range(1, 7):
            accounts |= account(number, registrar)
        with shipped(tmp_path, **accounts) as gateway:
            wait_until(lambda: len(registrar.requests) == 6, "6 accounts")
            wait_until(lambda: len(registrar.keep_alives) >= 6, "keep-alives", 25)
            wait_until(lambda: len(registrar.requests) == 12, "6 refreshes", 60)
            first = [at for at, _ in registrar.requests[:6]]
            again = [at for at, _ in registrar.requests[6:]]
            assert min(again) - max(first) > 30
            assert max(again) - min(first) < 60
            # Six of 32 to 48 s, by chance; how far apart they began is the machine's business.
            assert max(again) - min(again) > max(first) - min(first) + 1
            assert not any("failed" in line for line in gateway.own_lines)
