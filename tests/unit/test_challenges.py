"""When a challenge refuses the password that answered the one before."""

from __future__ import annotations

import itertools

from hasip.sip.challenges import MOST_REMEMBERED, ChallengeMemory

nonces = itertools.count()


def challenge(
    cseq: int,
    realm: str = "pbx",
    *,
    call_id: str = "a1",
    method: str = "REGISTER",
    header: str = "WWW-Authenticate",
    more: str = "",
) -> str:
    return (
        f"SIP/2.0 401 Unauthorized\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        f'{header}: Digest realm="{realm}", nonce="{next(nonces)}"{more}\r\n'
        "Content-Length: 0\r\n\r\n"
    )


def test_the_second_one_in_a_row_is_a_refusal_and_the_next_is_the_first_again() -> None:
    memory = ChallengeMemory()

    assert [memory.is_refusal(challenge(cseq)) for cseq in range(1, 7)] == [False, True] * 3


def test_what_is_sent_again_counts_once() -> None:
    """By UDP a slow registrar answers each copy of a request."""
    memory = ChallengeMemory()

    answers = [memory.is_refusal(challenge(cseq)) for cseq in (1, 1, 2, 2, 2, 3, 3, 4)]
    assert answers == [False, False, True, False, False, False, False, True]


def test_a_call_id_in_compact_form_is_one() -> None:
    """RFC 3261 §7.3.3."""
    memory = ChallengeMemory()
    first, second = (challenge(cseq).replace("Call-ID:", "i :") for cseq in (1, 2))
    assert not memory.is_refusal(challenge(1, call_id="b2").replace("Call-ID:", "i:"))

    assert not memory.is_refusal(first)
    assert memory.is_refusal(second)


def test_a_nonce_that_is_too_old_is_no_refusal() -> None:
    memory = ChallengeMemory()
    memory.is_refusal(challenge(1))

    assert not memory.is_refusal(challenge(2, more=", stale=TRUE"))
    assert memory.is_refusal(challenge(3, more=", stale=false"))


def test_a_proxy_and_a_registrar_each_may_ask() -> None:
    memory = ChallengeMemory()

    assert not memory.is_refusal(challenge(1, header="Proxy-Authenticate"))
    assert not memory.is_refusal(challenge(2))
    assert memory.is_refusal(challenge(3))


def test_two_realms_two_methods_two_accounts_and_another_time_are_no_refusal() -> None:
    memory = ChallengeMemory()
    for response in (
        challenge(1),
        challenge(2, "another"),
        challenge(3, "another", method="INVITE"),
        challenge(4, "another", method="INVITE", call_id="b2"),
        challenge(9, "another", method="INVITE", call_id="b2"),
        challenge(9, "another", method="INVITE", call_id="b2"),  # sent again
        "SIP/2.0 401 Unauthorized\r\nCall-ID: c3\r\n\r\n",
        "SIP/2.0 401 Unauthorized\r\nCall-ID: c3\r\nCSeq: x\r\n\r\n",
    ):
        assert not memory.is_refusal(response)


def test_it_remembers_no_more_than_it_must() -> None:
    memory = ChallengeMemory()
    for number in range(10 * MOST_REMEMBERED):
        memory.is_refusal(challenge(1, call_id=str(number)))

    assert memory.remembered <= MOST_REMEMBERED
    assert memory.is_refusal(challenge(2, call_id=str(10 * MOST_REMEMBERED - 1)))
