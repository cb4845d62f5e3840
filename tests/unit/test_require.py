"""Tests that this machine can't run are skipped with the reason, and never on CI."""

from __future__ import annotations

import os

import pytest

from support.netns import Network
from support.require import MissingError


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)


def test_without_root_tests_with_networks_are_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="only root can make networks"):
        Network()


def test_on_ci_nothing_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(MissingError, match="only root can make networks"):
        Network()
