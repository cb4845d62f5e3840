"""Options, events, and the published schemas against the examples of the user's document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hasip.calls.screening import AnswerMode
from hasip.commands.model import parse_command
from hasip.events.model import (
    AudioFilePlayed,
    CallDisconnected,
    CallEstablished,
    CallEvent,
    CallEventBody,
    DtmfDigit,
    EnteredMenu,
    IncomingCall,
    MenuTimeout,
    MessagePlayed,
    Outcome,
    RingTimeout,
    Side,
)
from hasip.events.wire import to_json
from hasip.settings import load_settings
from support import seed
from support.call_info import CALL

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "ha-sip" / "schema"


def test_the_default_options_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    path.write_text(json.dumps(seed.example("options")))

    settings = load_settings({"SUPERVISOR_TOKEN": "t"}, tmp_path, path)

    (account,) = settings.accounts
    assert settings.is_addon
    assert (settings.sip.port, settings.sip.log_level) == (5060, 5)
    assert str(settings.sip.cache_dir) == "/config/audio_cache"
    assert account.id_uri == "sip:homeassistant@fritz.box"
    assert account.registrar_uri == "sip:fritz.box"
    assert account.password.get_secret_value() == "secure"
    assert account.answer_mode is AnswerMode.LISTEN
    assert account.settle_time_s == 1
    assert settings.tts.engine_id == "tts.google_translate_de_com"
    assert (settings.tts.language, settings.tts.voice) == ("en", "zephyr")
    assert settings.home_assistant.webhook_id == "sip_call_webhook_id"
    assert settings.home_assistant.base_url == "http://supervisor/core/api"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("event_incoming_call_listen", IncomingCall()),
        ("event_incoming_call", IncomingCall()),
        ("event_call_established", CallEstablished()),
        ("event_entered_menu", EnteredMenu("owner")),
        ("event_dtmf_digit", DtmfDigit("1")),
        (
            "event_call_disconnected",
            CallDisconnected(
                sip_code=200,
                sip_reason="OK",
                duration_s=1,
                hangup_by=Side.REMOTE,
                outcome=Outcome.COMPLETED,
            ),
        ),
        ("event_playback_done_message", MessagePlayed("message that has been played")),
        ("event_playback_done_audio_file", AudioFilePlayed("/config/audio/welcome.mp3")),
        ("event_ring_timeout", RingTimeout()),
        ("event_timeout", MenuTimeout("main")),
    ],
)
def test_an_event_has_all_that_the_document_shows(name: str, what: CallEventBody) -> None:
    told = to_json(CallEvent(call=CALL, what=what))

    assert seed.example(name).items() <= told.items()


@pytest.mark.parametrize("name", seed.commands())
def test_a_command_is_read_without_a_warning_and_fits_its_schema(name: str) -> None:
    written = seed.command(name)

    assert parse_command(written).unknown_keys == ()
    jsonschema.validate(written, schema("command"))


@pytest.mark.parametrize("name", ["incoming_call_file", "menu_definition"])
def test_a_menu_file_fits_its_schema(name: str) -> None:
    jsonschema.validate(seed.example(name), schema("menu_file"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mneu": {}},
        {"menu": {"mesage": "x"}},
        {"menu": {"post_action": "fly"}},
        {"menu": {"timeout": "soon"}},
        {"menu": {"choices": {"x": {}}}},
        {"menu": {"action": {"command": "hang_up", "number": "1"}}},
        {"menu": {"action": {"domain": "light"}}},
        {"allowed_numbers": "555"},
        {"answer_after": -1},
    ],
)
def test_an_editor_shows_slips(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema("menu_file"))


def test_the_published_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "write_schemas.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60)

    for path in tmp_path.iterdir():
        assert path.read_text() == (SCHEMAS / path.name).read_text(), "run scripts/write_schemas.py"
    assert {path.name for path in tmp_path.iterdir()} == {p.name for p in SCHEMAS.iterdir()}


def schema(name: str) -> dict[str, Any]:
    """Return a published schema, which must be one."""
    read: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(read)
    return read
