"""The console command as users call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.command import ha_sip

if TYPE_CHECKING:
    from pathlib import Path


def test_help_has_both_tables_of_options(tmp_path: Path) -> None:
    done = ha_sip(tmp_path, "--help")

    assert done.returncode == 0
    for option in (
        *("--check", "--stun-server", "--udp", "--tcp", "--tls", "--tls-port", "--debug-headers"),
        *("--rtp-port", "--codecs", "--mqtt-address", "--mqtt-state-topic", "--proxy", "--ice"),
        *("--use-stun-for-sip", "--use-stun-for-media", "--use-contact-rewrite"),
        *("--use-via-rewrite", "--use-sdp-nat-rewrite", "--use-sip-outbound", "--turn-server"),
        *("--turn-connection-type", "--turn-user", "--turn-password", "--extract-headers"),
        *("--reject-sip-code", "--srtp"),
    ):
        assert option in done.stdout


def test_wrong_settings_are_all_told_and_end_the_program_with_2(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=none\nGLOBAL_OPTIONS='--udp maybe'\nSIP1_ENABLED=true\n")
    done = ha_sip(tmp_path)

    assert done.returncode == 2
    assert 'PORT: must be a number from 1 to 65535; got "none"' in done.stderr
    assert "GLOBAL_OPTIONS: --udp must be one of enabled" in done.stderr
    assert "SIP1_ID_URI (account 1): is required" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("timeout", "code"), [("5", 0), ("soon", 2)])
def test_check_ends_with_0_or_2(tmp_path: Path, timeout: str, code: int) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text(f"menu:\n  id: main\n  timeout: {timeout}\n")
    (tmp_path / ".env").write_text(
        "SIP1_ENABLED=true\nSIP1_ID_URI=sip:a@b\nSIP1_PASSWORD=hidden\n"
        f"SIP1_INCOMING_CALL_FILE={menu}\nHA_BASE_URL=http://house:8123/api\nHA_TOKEN=hidden\n"
    )

    done = ha_sip(tmp_path, "--check")

    assert done.returncode == code
    assert "hidden" not in done.stdout + done.stderr
    if code:
        assert f'problem: {menu}:3: menu.timeout: must be a number; got "soon"' in done.stdout
        assert done.stdout.endswith("1 problem, 0 warnings\n")
    else:
        assert "menus: 2; ids: main; codes: 0" in done.stdout
        assert done.stdout.endswith("0 problems, 0 warnings\n")
