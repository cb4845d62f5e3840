"""Settings: both sources, every problem at once, no secret shown."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasip.calls.screening import AnswerMode
from hasip.settings import Settings, SettingsError, load_settings
from hasip.settings.options import (
    options_help,
    parse_account_options,
    parse_global_options,
)
from support.certificates import self_signed

SECRET = "hunter2-geheim"


def standalone(folder: Path, **environment: str) -> Settings:
    return load_settings(environment, folder, folder / "none.json")


def addon(folder: Path, options: dict[str, Any]) -> Settings:
    path = folder / "options.json"
    path.write_text(json.dumps(options), encoding="utf-8")
    return load_settings({"SUPERVISOR_TOKEN": SECRET}, folder, path)


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = standalone(tmp_path, SIP1_ENABLED="true", SIP1_ID_URI="sip:a@b")

    assert settings.sip.port == 5060
    assert settings.sip.log_level == 5
    assert settings.tts.language == "en"
    assert settings.mqtt.topic == "hasip/execute"
    assert settings.sensors.entity_prefix == "ha_sip"
    account = settings.accounts[0]
    assert account.settle_time_s == 1.0
    assert account.answer_mode is AnswerMode.LISTEN
    assert account.registrar_uri is None
    assert account.options.ice
    assert account.options.reject_sip_code == 603


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=5070\nLOG_LEVEL=2\n", encoding="utf-8")

    settings = standalone(tmp_path, PORT="5080")

    assert settings.sip.port == 5080
    assert settings.sip.log_level == 2


def test_a_password_in_single_quotes_is_taken_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "SIP1_ENABLED=on\nSIP1_ID_URI=sip:1@x\nSIP1_PASSWORD='a$b${PORT}c'\n"
        'PORT=5070\nexport SIP1_USER_NAME="u${PORT}"\n',
        encoding="utf-8",
    )

    account = standalone(tmp_path).accounts[0]

    assert account.password.get_secret_value() == "a$b${PORT}c"
    assert account.user_name == "u5070"


def test_any_number_of_accounts_and_disabled_ones_left_out(tmp_path: Path) -> None:
    names = {f"SIP{n}_ENABLED": "yes" for n in (1, 2, 3, 4, 7)}
    uris = {f"SIP{n}_ID_URI": f"sip:{n}@x" for n in (1, 2, 3, 4, 7)}

    settings = standalone(tmp_path, **{**names, **uris, "SIP2_ENABLED": "off"})

    assert [account.number for account in settings.accounts] == [1, 3, 4, 7]


def test_the_addon_reads_its_sections_and_the_list_of_accounts(tmp_path: Path) -> None:
    account = {"enabled": True, "id_uri": "sip:a@b", "user_name": 1234, "password": SECRET}
    settings = addon(
        tmp_path,
        {
            "sip_global": {"port": 5060, "log_level": "3", "global_options": "--tls enabled"},
            "sip": {**account, "answer_mode": "Accept", "settle_time": 0},
            "sip_2": {"enabled": False},
            "accounts": [account],
            "tts": {"engine_id": "tts.x", "debug_print": True},
            "webhook": {"id": "hook"},
        },
    )

    assert settings.is_addon
    assert settings.home_assistant.base_url == "http://supervisor/core/api"
    assert settings.home_assistant.webhook_id == "hook"
    assert [account.number for account in settings.accounts] == [1, 4]
    assert settings.accounts[0].user_name == "1234"
    assert settings.accounts[0].answer_mode is AnswerMode.ACCEPT
    assert settings.sip.options.tls
    assert settings.tts.debug_print


def test_all_problems_are_reported_at_once_with_name_value_and_what_is_allowed(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError) as caught:
        standalone(
            tmp_path,
            PORT="http",
            COMMAND_SOURCE="pigeon",
            GLOBAL_OPTIONS="--tcp perhaps --fax on",
            HA_BASE_URL="homeassistant.local",
            SIP2_ENABLED="true",
            SIP2_ID_URI="sip:a@b",
            SIP2_OPTIONS="--ice maybe",
        )

    lines = str(caught.value).splitlines()
    assert 'PORT: must be a number from 1 to 65535; got "http"' in lines
    assert 'COMMAND_SOURCE: must be one of stdin, mqtt; got "pigeon"' in lines
    assert any(line.startswith("GLOBAL_OPTIONS: --tcp must be one of enabled") for line in lines)
    assert any(line.endswith('got "--fax"') for line in lines)
    assert any(line.startswith("HA_BASE_URL: must look like http://") for line in lines)
    (ice,) = [line for line in lines if "--ice" in line]
    assert ice.startswith("SIP2_OPTIONS (account 2): --ice must be one of enabled, enable, ")
    assert ice.endswith('; got "maybe"')


def test_a_mistake_in_one_account_leaves_the_others_running(tmp_path: Path) -> None:
    settings = standalone(
        tmp_path,
        SIP1_ENABLED="true",
        SIP1_ID_URI="sip:a@b",
        SIP2_ENABLED="true",
        SIP2_ID_URI="sip:c@d",
        SIP2_ANSWER_MODE="sometimes",
    )

    assert settings.accounts[0].problems == ()
    (problem,) = settings.accounts[1].problems
    expected = (
        'SIP2_ANSWER_MODE (account 2): must be one of listen, accept, reject; got "sometimes"'
    )
    assert str(problem) == expected


def test_a_file_that_is_no_json_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    path.write_text("{", encoding="utf-8")

    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({}, tmp_path, path)


def test_engine_id_wins_over_the_deprecated_platform(tmp_path: Path) -> None:
    settings = standalone(tmp_path, TTS_ENGINE_ID="tts.a", TTS_PLATFORM="google_translate")

    assert settings.tts.engine_id == "tts.a"
    assert settings.tts.platform is None
    assert any("TTS_PLATFORM" in warning for warning in settings.warnings)


def test_a_misspelt_variable_is_pointed_out(tmp_path: Path) -> None:
    settings = standalone(tmp_path, BROKER_ADRESS="x", SIP1_PASSWROD="y")

    said = "\n".join(settings.warnings)
    assert "did you mean BROKER_ADDRESS?" in said
    assert "did you mean SIP1_PASSWORD?" in said


def test_mqtt_options_win_over_the_variables(tmp_path: Path) -> None:
    settings = standalone(
        tmp_path,
        BROKER_ADDRESS="old",
        BROKER_PORT="1",
        MQTT_STATE_TOPIC="",
        GLOBAL_OPTIONS="--mqtt-address new --mqtt-port 2",
    )

    assert (settings.mqtt.address, settings.mqtt.port) == ("new", 2)
    assert settings.mqtt.state_topic is None


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    everything = {
        "HA_TOKEN": SECRET,
        "HA_BASE_URL": "http://x/api",
        "BROKER_PASSWORD": SECRET,
        "SIP1_ENABLED": "true",
        "SIP1_ID_URI": "sip:a@b",
        "SIP1_PASSWORD": SECRET,
        "SIP1_OPTIONS": f"--turn-password {SECRET}",
        "GLOBAL_OPTIONS": f"--mqtt-password={SECRET}",
    }
    settings = standalone(tmp_path, **everything)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.warnings)

    with pytest.raises(SettingsError) as caught:
        standalone(tmp_path, **{**everything, "PORT": "x"})
    assert SECRET not in str(caught.value)


@given(st.text())
def test_no_option_string_raises(text: str) -> None:
    for parse in (parse_global_options, parse_account_options):
        _, problems = parse(text, "NAME")
        for problem in problems:
            assert str(problem).startswith("NAME: ")


def test_help_has_both_tables() -> None:
    text = options_help()

    for option in ("--stun-server", "--codecs", "--bind-address", "--turn-user", "--srtp"):
        assert option in text


BROKER = {"COMMAND_SOURCE": "mqtt", "BROKER_ADDRESS": "broker"}


def test_a_certificate_means_tls_and_its_port(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)

    mqtt = standalone(tmp_path, **BROKER, BROKER_CA_FILE=str(certificate)).mqtt
    assert mqtt.tls is not None
    assert (mqtt.tls.ca_file, mqtt.port) == (certificate, 8883)
    assert standalone(tmp_path, **BROKER, BROKER_TLS="on").mqtt.tls is not None
    assert standalone(tmp_path, **BROKER).mqtt.tls is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"BROKER_CA_FILE": "/none"}, "BROKER_CA_FILE: must be the path of a file"),
        ({"BROKER_CA_FILE": "key"}, "BROKER_CA_FILE: must hold a certificate: "),
        ({"BROKER_CERT_FILE": "certificate"}, "BROKER_CERT_FILE: must hold a certificate with its"),
        ({"BROKER_CERT_FILE": "locked", "BROKER_KEY_FILE": "locked"}, "with its key, unencrypted"),
        ({"BROKER_KEY_FILE": "key"}, "BROKER_KEY_FILE: needs BROKER_CERT_FILE as well"),
        ({"BROKER_CA_FILE": "both", "BROKER_TLS": "off"}, "BROKER_CA_FILE: needs BROKER_TLS"),
        ({"INSTANCE_NAME": "my house"}, "INSTANCE_NAME: must be 1 to 40 of A-Z a-z 0-9 _ -"),
    ],
)
def test_what_cannot_secure_the_broker_is_said(
    tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    self_signed(tmp_path)
    lock = ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", "key.pem"]
    subprocess.run([*lock, "-out", "locked.pem"], cwd=tmp_path, check=True, capture_output=True)
    paths = {
        name: str(tmp_path / f"{value}.pem")
        if name.endswith("FILE") and not value.startswith("/")
        else value
        for name, value in wrong.items()
    }
    with pytest.raises(SettingsError) as caught:
        standalone(tmp_path, **BROKER, **paths)

    assert said in str(caught.value)


def test_the_instance_has_a_name_of_its_own_that_stays(tmp_path: Path) -> None:
    """Stand-alone it comes from the account, in the add-on from a file that is kept."""

    def name(uri: str) -> str:
        account = {"SIP1_ENABLED": "on", "SIP1_ID_URI": uri}
        return standalone(tmp_path, **BROKER, **account).mqtt.instance

    assert name("sip:a@b") == name("sip:a@b") != name("sip:b@b")
    assert standalone(tmp_path, **BROKER, INSTANCE_NAME="attic").mqtt.instance == "attic"
    options = {"mqtt": {"enabled": True}, "sip": {"enabled": True, "id_uri": "sip:a@b"}}
    (tmp_path / "other").mkdir()
    first, again, other = (
        addon(folder, options).mqtt for folder in (tmp_path, tmp_path, tmp_path / "other")
    )
    assert first.instance == again.instance != other.instance
    assert first.is_enabled
    assert first.address is None  # the Supervisor is asked


def test_the_add_on_reads_and_writes_in_home_assistants_folders_only(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text("{}")

    assert load_settings({}, tmp_path, options).file_folders == (
        Path("/config"),
        Path("/media"),
        Path("/share"),
    )
    written = {"FILE_FOLDERS": "/srv/audio, /srv/recordings"}
    assert load_settings(written, tmp_path).file_folders == (
        Path("/srv/audio"),
        Path("/srv/recordings"),
    )
    assert load_settings({}, tmp_path).file_folders == ()


@pytest.mark.parametrize("topic", ["hasip/execute", "hasip/house/execute"])
def test_events_must_not_be_read_as_commands(tmp_path: Path, topic: str) -> None:
    with pytest.raises(SettingsError, match="must not be the topic of commands"):
        standalone(tmp_path, COMMAND_SOURCE="mqtt", BROKER_ADDRESS="b", MQTT_STATE_TOPIC=topic)


@pytest.mark.parametrize("password", ["secret", "secure"])
def test_a_placeholder_left_as_password_is_warned_about(tmp_path: Path, password: str) -> None:
    with_it = {"SIP1_ENABLED": "true", "SIP1_ID_URI": "sip:a@b", "SIP1_PASSWORD": password}

    settings = standalone(tmp_path, **with_it, SIP1_REGISTRAR_URI="sip:b")
    (said,) = [warning for warning in settings.warnings if "SIP1_PASSWORD" in warning]
    assert "is still the placeholder" in said
    assert not [w for w in standalone(tmp_path, **with_it).warnings if "SIP1_PASSWORD" in w]
