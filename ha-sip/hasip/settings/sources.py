"""The two places settings come from, brought into one shape: named values of sections.

Add-on mode reads the JSON that Home Assistant writes; stand-alone mode the environment and `.env`.
Both end in `Section`s, so that one reader makes the settings of either.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import field
from typing import TYPE_CHECKING

from hasip.dataclass import dataclass
from hasip.json_text import read_json
from hasip.settings.model import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Section and key -> environment variable.
ENVIRONMENT_NAMES: Mapping[tuple[str, str], str] = {
    ("run", "command_source"): "COMMAND_SOURCE",
    ("run", "file_folders"): "FILE_FOLDERS",
    ("sip_global", "port"): "PORT",
    ("sip_global", "log_level"): "LOG_LEVEL",
    ("sip_global", "name_server"): "NAME_SERVER",
    ("sip_global", "cache_dir"): "CACHE_DIR",
    ("sip_global", "global_options"): "GLOBAL_OPTIONS",
    ("tts", "engine_id"): "TTS_ENGINE_ID",
    ("tts", "platform"): "TTS_PLATFORM",
    ("tts", "language"): "TTS_LANGUAGE",
    ("tts", "voice"): "TTS_VOICE",
    ("tts", "debug_print"): "TTS_DEBUG_PRINT",
    ("tts", "fallback"): "TTS_FALLBACK",
    ("ha", "base_url"): "HA_BASE_URL",
    ("ha", "websocket_url"): "HA_WEBSOCKET_URL",
    ("ha", "token"): "HA_TOKEN",
    ("ha", "ca_file"): "HA_CA_FILE",
    ("webhook", "id"): "HA_WEBHOOK_ID",
    ("mqtt", "enabled"): "MQTT_ENABLED",
    ("mqtt", "address"): "BROKER_ADDRESS",
    ("mqtt", "port"): "BROKER_PORT",
    ("mqtt", "username"): "BROKER_USERNAME",
    ("mqtt", "password"): "BROKER_PASSWORD",
    ("mqtt", "tls"): "BROKER_TLS",
    ("mqtt", "ca_file"): "BROKER_CA_FILE",
    ("mqtt", "cert_file"): "BROKER_CERT_FILE",
    ("mqtt", "key_file"): "BROKER_KEY_FILE",
    ("mqtt", "topic"): "MQTT_TOPIC",
    ("mqtt", "state_topic"): "MQTT_STATE_TOPIC",
    ("mqtt", "instance_name"): "INSTANCE_NAME",
    ("mqtt", "discovery"): "MQTT_DISCOVERY",
    ("mqtt", "discovery_prefix"): "MQTT_DISCOVERY_PREFIX",
    ("sensors", "enabled"): "SENSOR_ENABLED",
    ("sensors", "entity_prefix"): "SENSOR_ENTITY_PREFIX",
}
ACCOUNT_KEYS = (
    "enabled",
    "id_uri",
    "registrar_uri",
    "realm",
    "user_name",
    "password",
    "answer_mode",
    "settle_time",
    "incoming_call_file",
    "options",
)
SECRET_KEYS = frozenset({"password", "token"})
_OURS = re.compile(r"(SIP|TTS|HA|BROKER|MQTT|SENSOR|INSTANCE)_|SIP[0-9]+_")
_IN_SINGLE_QUOTES = re.compile(r"[^=#]*=\s*'")
_ACCOUNT = re.compile(r"SIP([0-9]+)_([A-Z_]+)")
_ADDON_SECTIONS = ("sip_global", "tts", "webhook", "sensors", "mqtt")


@dataclass(frozen=True, slots=True)
class Section:
    """Values by key, as text, and how each is called where the user wrote it."""

    values: Mapping[str, str]
    names: Mapping[str, str]

    def name_of(self, key: str) -> str:
        """Return the user's name for a key."""
        return self.names.get(key, key)


@dataclass(slots=True)
class Source:
    """All sections of one place, and what was odd there."""

    is_addon: bool
    data_dir: Path | None = None  # keeps files between starts
    sections: dict[str, Section] = field(default_factory=dict)
    accounts: dict[int, Section] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def section(self, name: str) -> Section:
        """Return a section, an empty one where there is none."""
        return self.sections.get(name, Section({}, {}))


def read_environment(environ: Mapping[str, str], working_dir: Path) -> Source:
    """Read stand-alone settings; the environment wins over `.env`."""
    source = Source(is_addon=False)
    written: dict[str, str] = {}
    env_file = working_dir / ".env"
    if env_file.is_file():
        try:
            written = _env_file(env_file)
        except (OSError, ValueError) as error:
            source.problems.append(Problem(".env", f"cannot be read: {error}"))
    written.update(environ)
    names: dict[str, dict[str, str]] = {}
    for (section, key), name in ENVIRONMENT_NAMES.items():
        names.setdefault(section, {})[key] = name
    for section, keys in names.items():
        values = {key: written[name] for key, name in keys.items() if name in written}
        source.sections[section] = Section(values, keys)
    for number in sorted({int(found[1]) for name in written if (found := _ACCOUNT.match(name))}):
        keys = {key: f"SIP{number}_{key.upper()}" for key in ACCOUNT_KEYS}
        values = {key: written[name] for key, name in keys.items() if name in written}
        source.accounts[number] = Section(values, keys)
    source.warnings += _misspelt(written)
    return source


def _env_file(path: Path) -> dict[str, str]:
    """Read `.env`; in single quotes, `${…}` stays as it is, as in Docker Compose and in a shell."""
    # Imported here: an app and most containers have no such file.
    from dotenv import dotenv_values  # noqa: PLC0415
    from dotenv.parser import parse_stream  # noqa: PLC0415

    with path.open(encoding="utf-8") as lines:
        literal = {
            line.key
            for line in parse_stream(lines)
            if _IN_SINGLE_QUOTES.match(line.original.string)
        }
    expanded, plain = dotenv_values(path), dotenv_values(path, interpolate=False)
    return {key: (plain if key in literal else expanded)[key] or "" for key in plain}


def _misspelt(written: Mapping[str, str]) -> list[str]:
    known = set(ENVIRONMENT_NAMES.values())
    warnings = []
    for name in written:
        account = _ACCOUNT.fullmatch(name)
        if account is not None:
            ours = {f"SIP{account[1]}_{key.upper()}" for key in ACCOUNT_KEYS}
        elif _OURS.match(name):
            ours = known
        else:
            continue
        close = difflib.get_close_matches(name, ours, 1, 0.8)
        if name not in ours and close:
            warnings.append(f"{name}: no such setting; did you mean {close[0]}?")
    return warnings


def read_addon(options_file: Path, environ: Mapping[str, str]) -> Source:
    """Read what Home Assistant's Supervisor wrote; the rest is fixed there."""
    source = Source(is_addon=True, data_dir=options_file.parent)
    raw = _json_object(options_file, source)
    for section in _ADDON_SECTIONS:
        source.sections[section] = _section(raw.get(section), section, source)
    fixed = {
        "base_url": "http://supervisor/core/api",
        "websocket_url": "ws://supervisor/core/websocket",
        "token": environ.get("SUPERVISOR_TOKEN", ""),
    }
    # The folders of config.yaml that are Home Assistant's.
    source.sections["run"] = Section({"file_folders": "/config,/media,/share"}, {})
    source.sections["ha"] = Section(fixed, {"token": "SUPERVISOR_TOKEN"})
    listed = raw.get("accounts")
    extra = listed if isinstance(listed, list) else []
    if listed is not None and not isinstance(listed, list):
        source.problems.append(Problem("accounts", "must be a list of accounts"))
    written = [(name, raw.get(name)) for name in ("sip", "sip_2", "sip_3")]
    written += [(f"accounts[{index}]", entry) for index, entry in enumerate(extra, 1)]
    for number, (name, entry) in enumerate(written, 1):
        if entry is not None:
            source.accounts[number] = _section(entry, name, source, known=ACCOUNT_KEYS)
    known = {*_ADDON_SECTIONS, "sip", "sip_2", "sip_3", "accounts"}
    source.warnings += [f"{key}: unknown section, ignored" for key in raw if key not in known]
    return source


def _json_object(path: Path, source: Source) -> dict[str, object]:
    try:
        raw = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        source.problems.append(Problem(str(path), f"cannot be read: {error}"))
        return {}
    if not isinstance(raw, dict):
        source.problems.append(Problem(str(path), "must hold a JSON object"))
        return {}
    return raw


def _section(
    raw: object, name: str, source: Source, known: tuple[str, ...] | None = None
) -> Section:
    if raw is None:
        return Section({}, {})
    if not isinstance(raw, dict):
        source.problems.append(Problem(name, "must be a section with keys"))
        return Section({}, {})
    allowed = known or tuple(key for section, key in ENVIRONMENT_NAMES if section == name)
    source.warnings += [f"{name}.{key}: unknown key, ignored" for key in raw if key not in allowed]
    values = {key: _as_text(value) for key, value in raw.items() if value is not None}
    return Section(values, {key: f"{name}.{key}" for key in (*allowed, *raw)})


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
