"""The lines in docs/providers.md can be copied: understood, and the same in both kinds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from dotenv import dotenv_values

from hasip.settings import Settings, load_settings
from support.providers_page import lines_of, sections

if TYPE_CHECKING:
    from pathlib import Path


def test_all_that_users_ask_for_are_there() -> None:
    wanted = ("FRITZ!Box", "Asterisk", "Kamailio", "UniFi", "3CX", "Telekom", "sipgate", "VoIP.ms")

    for name in (*wanted, "Twilio"):
        assert any(name in title for title in sections()), name


@pytest.mark.parametrize("name", sections())
def test_lines_can_be_copied(name: str, tmp_path: Path) -> None:
    text = sections()[name]
    blocks = lines_of(name)
    env, options = tmp_path / ".env", tmp_path / "options.json"
    env.write_text(blocks["sh"], encoding="utf-8")
    alone = load_settings({}, tmp_path, options)
    options.write_text(json.dumps(yaml.safe_load(blocks["yaml"])), encoding="utf-8")
    addon = load_settings({}, tmp_path, options)

    assert "*As told*" in text or "**Tried here**" in text
    assert dotenv_values(env)
    for settings in (alone, addon):
        assert len(settings.accounts) == 1
        assert settings.accounts[0].problems == ()
        assert settings.accounts[0].registrar_uri is not None
    assert same(alone) == same(addon)


def same(settings: Settings) -> object:
    """Return what a provider's lines are about."""
    (account,) = settings.accounts
    return (
        replace(account, incoming_call_file=None),
        settings.sip.name_servers,
        settings.sip.options,
    )
