"""Passwords and tokens, wherever somebody prints them by accident."""

from __future__ import annotations

import traceback
from dataclasses import is_dataclass

from hasip.secret import SecretStr
from hasip.settings.model import Account


def test_a_secret_is_stars_in_whatever_way_it_is_printed() -> None:
    secret = SecretStr("hunter2")
    account = Account(number=1, id_uri="sip:a@b", password=secret)
    trace = "".join(traceback.format_exception(ValueError(secret)))

    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", str(account), trace):
        assert "hunter2" not in shown
        assert "*" in shown
    assert secret.get_secret_value() == "hunter2"


def test_an_empty_secret_counts_as_none() -> None:
    assert not SecretStr("")
    assert str(SecretStr("")) == ""
    assert SecretStr("a")


def test_secrets_are_compared_by_what_they_hold() -> None:
    assert SecretStr("a") == SecretStr("a")
    assert SecretStr("a") != SecretStr("b")
    assert len({SecretStr("a"), SecretStr("a")}) == 1


def test_what_walks_through_dataclasses_does_not_walk_into_a_secret() -> None:
    assert not is_dataclass(SecretStr("a"))
