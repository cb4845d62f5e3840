"""`--check`: everything understood is shown, every secret masked, every problem told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hasip.check import Report, check
from hasip.settings import load_settings

ENVIRONMENT = {
    "HA_BASE_URL": "http://house:8123/api",
    "HA_TOKEN": "token-secret",
    "SIP1_ENABLED": "true",
    "SIP1_ID_URI": "sip:house@pbx",
    "SIP1_REGISTRAR_URI": "sip:pbx",
    "SIP1_PASSWORD": "sip-secret",
    "SIP1_ANSWER_MODE": "accept",
    "SIP1_OPTIONS": "--ice off --turn-password turn-secret",
    "BROKER_PASSWORD": "broker-secret",
}


def report(folder: Path, **changes: str) -> Report:
    return check(
        lambda: load_settings({**ENVIRONMENT, **changes}, folder, Path("/nonexistent/options"))
    )


def test_what_was_understood_is_shown_and_secrets_are_masked(tmp_path: Path) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text(
        "allowed_numbers: ['555{*}']\nanswer_after: 2\n"
        "menu: {choices_are_pin: true, choices: {4711: {id: owner, post_action: hangup}}}"
    )
    found = report(tmp_path, SIP1_INCOMING_CALL_FILE=str(menu), CACHE_DIR=str(tmp_path))
    text = found.text()

    assert found.problems == found.warnings == ()
    assert "settings from the environment and .env" in text
    for line in (
        "base_url: http://house:8123/api",
        "token: ***",
        "id_uri: sip:house@pbx",
        "password: ***",
        "answer_mode: accept",
        "ice: no",
        "turn_password: ***",
        "ids: owner; codes: 1",
        "answers: 555{*}; after 2 s",
        "0 problems, 0 warnings",
    ):
        assert line in text
    assert "secret" not in text
    assert "4711" not in text


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text("menu:\n  timeout: soon\n  post_action: fly\n")
    found = report(
        tmp_path,
        SIP1_INCOMING_CALL_FILE=str(menu),
        CACHE_DIR="/nonexistent",
        SIP2_ENABLED="yes",
        SIP2_ID_URI="sip:b@pbx",
        SIP2_OPTIONS="--ice maybe",
        SIP3_ENABLED="yes",
        SIP3_ID_URI="sip:c@pbx",
        SIP3_INCOMING_CALL_FILE="/nonexistent/menu.yaml",
    )

    said = "\n".join(found.problems)
    assert "cache_dir: /nonexistent is not a folder" in said
    assert f'{menu}:2: menu.timeout: must be a number; got "soon"' in said
    assert "SIP2_OPTIONS (account 2): --ice must be one of enabled" in said
    assert "/nonexistent/menu.yaml: cannot be read: No such file or directory" in said
    assert found.text().endswith("4 problems, 0 warnings")


def test_wrong_global_settings_are_all_told(tmp_path: Path) -> None:
    found = report(tmp_path, PORT="high", LOG_LEVEL="9")

    assert [problem.split(":")[0] for problem in found.problems] == ["PORT", "LOG_LEVEL"]


@pytest.mark.parametrize(
    ("mode", "said"), [("reject", "rejects every call"), ("listen", 'unknown key "mneu"')]
)
def test_a_slip_is_a_warning(tmp_path: Path, mode: str, said: str) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text("mneu: {}" if mode == "listen" else "")
    found = report(tmp_path, SIP1_INCOMING_CALL_FILE=str(menu), SIP1_ANSWER_MODE=mode)

    assert found.problems == ()
    assert said in "\n".join(found.warnings)


def test_a_folder_whose_name_is_too_long_is_none(tmp_path: Path) -> None:
    found = report(tmp_path, CACHE_DIR="9" * 300)

    assert any("is not a folder" in problem for problem in found.problems)
