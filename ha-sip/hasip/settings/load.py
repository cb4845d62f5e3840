"""Makes the settings from where they are written, and collects every problem on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hasip.addon import ADDON_OPTIONS
from hasip.calls.screening import AnswerMode
from hasip.settings.model import (
    Account,
    CommandSource,
    HomeAssistant,
    Sensors,
    Settings,
    SettingsError,
    Sip,
    SpeechFallback,
    Tts,
)
from hasip.settings.mqtt import mqtt_settings
from hasip.settings.options import parse_account_options, parse_global_options
from hasip.settings.reader import Reader
from hasip.settings.routes import route_problems, route_warnings
from hasip.settings.sources import Section, Source, read_addon, read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hasip.settings.model import GlobalOptions


# The passwords that `.env.example` and the app's form begin with.
_PLACEHOLDERS = frozenset({"secret", "secure"})


def load_settings(
    environ: Mapping[str, str], working_dir: Path, options_file: Path = ADDON_OPTIONS
) -> Settings:
    """Read all settings; raises `SettingsError` with every problem if a global one is wrong.

    A mistake in one account only switches that account off (`Account.problems`).
    """
    if options_file.exists():
        source = read_addon(options_file, environ)
    else:
        source = read_environment(environ, working_dir)
    reader = Reader(source.problems, source.warnings)
    settings = _settings(source, reader)
    if reader.problems:
        of_accounts = [problem for account in settings.accounts for problem in account.problems]
        raise SettingsError((*reader.problems, *of_accounts))
    return settings


def _settings(source: Source, reader: Reader) -> Settings:
    sip = _sip(source.section("sip_global"), reader)
    command_source = reader.choice(source.section("run"), "command_source", CommandSource.STDIN)
    uses_mqtt = (
        sip.options.enable_mqtt
        or reader.flag(source.section("mqtt"), "enabled", default=False)
        or (command_source is CommandSource.MQTT and not source.is_addon)
    )
    accounts = _accounts(source, sip.options, reader)
    folders = reader.text(source.section("run"), "file_folders").split(",")
    return Settings(
        is_addon=source.is_addon,
        command_source=command_source,
        file_folders=tuple(Path(folder.strip()) for folder in folders if folder.strip()),
        sip=sip,
        accounts=accounts,
        tts=_tts(source.section("tts"), reader),
        home_assistant=_home_assistant(source, reader),
        mqtt=mqtt_settings(source, sip, accounts, reader, is_enabled=uses_mqtt),
        sensors=Sensors(
            enabled=reader.flag(source.section("sensors"), "enabled", default=False),
            entity_prefix=reader.text(source.section("sensors"), "entity_prefix", "ha_sip").replace(
                "-", "_"
            ),
        ),
        warnings=tuple(reader.warnings),
    )


def _sip(section: Section, reader: Reader) -> Sip:
    options, problems = parse_global_options(
        section.values.get("global_options", ""), section.name_of("global_options")
    )
    reader.problems += problems
    cache_dir = reader.optional(section, "cache_dir")
    servers = reader.text(section, "name_server").split(",")
    return Sip(
        port=reader.whole(section, "port", 5060, 1, 65535),
        log_level=reader.whole(section, "log_level", 5, 0, 6),
        name_servers=tuple(server.strip() for server in servers if server.strip()),
        cache_dir=Path(cache_dir) if cache_dir else None,
        options=options,
    )


def _accounts(source: Source, general: GlobalOptions, reader: Reader) -> tuple[Account, ...]:
    accounts = (
        _checked(_account(number, section), section, general, reader)
        for number, section in sorted(source.accounts.items())
    )
    enabled = tuple(account for account in accounts if account is not None)
    if not enabled:
        reader.warnings.append("no SIP account is enabled; nobody can call and nobody be called")
    return enabled


def _account(number: int, section: Section) -> Account | None:
    reader = Reader(suffix=f" (account {number})")
    if not reader.flag(section, "enabled", default=False) and not reader.problems:
        return None
    id_uri = reader.text(section, "id_uri")
    if not id_uri:
        reader.problem(section, "id_uri", "is required, for example sip:user@fritz.box")
    options, problems = parse_account_options(
        section.values.get("options", ""), section.name_of("options") + reader.suffix
    )
    reader.problems += problems
    menu_file = reader.optional(section, "incoming_call_file")
    return Account(
        number=number,
        id_uri=id_uri,
        registrar_uri=reader.optional(section, "registrar_uri"),
        realm=reader.text(section, "realm", "*"),
        user_name=reader.text(section, "user_name"),
        password=reader.secret(section, "password"),
        answer_mode=reader.choice(section, "answer_mode", AnswerMode.LISTEN),
        settle_time_s=reader.number(section, "settle_time", 1.0, 0, 3600),
        incoming_call_file=Path(menu_file) if menu_file else None,
        options=options,
        problems=tuple(reader.problems),
    )


def _checked(
    account: Account | None, section: Section, general: GlobalOptions, reader: Reader
) -> Account | None:
    """Return an account with the problems that it has together with the global options."""
    if account is None:
        return None
    suffix = f" (account {account.number})"
    keys = ("id_uri", "registrar_uri", "options")
    names = {key: section.name_of(key) + suffix for key in keys}
    reader.warnings += route_warnings(account, names)
    if account.registrar_uri and account.password.get_secret_value() in _PLACEHOLDERS:
        reader.warnings.append(
            f"{section.name_of('password')}{suffix}: is still the placeholder of the example; "
            "write the password that the account has at its registrar, and let it be a long one"
        )
    problems = (*account.problems, *route_problems(account, general, names))
    return replace(account, problems=problems)


def _tts(section: Section, reader: Reader) -> Tts:
    engine_id, platform = (
        reader.optional(section, "engine_id"),
        reader.optional(section, "platform"),
    )
    if engine_id and platform:
        reader.warnings.append(
            f"{section.name_of('platform')}: is deprecated, and ignored since "
            f"{section.name_of('engine_id')} is set"
        )
    return Tts(
        engine_id=engine_id,
        platform=None if engine_id else platform,
        language=reader.text(section, "language", "en"),
        voice=reader.optional(section, "voice"),
        debug_print=reader.flag(section, "debug_print", default=False),
        fallback=reader.choice(section, "fallback", SpeechFallback.ESPEAK_NG),
    )


def _home_assistant(source: Source, reader: Reader) -> HomeAssistant:
    section = source.section("ha")
    base_url = reader.text(section, "base_url").rstrip("/") or None
    if base_url is None:
        reader.warnings.append("HA_BASE_URL is not set: no speech, services or webhooks")
    elif not base_url.startswith(("http://", "https://")):
        reader.problem(section, "base_url", "must look like http://homeassistant.local:8123/api")
    elif not base_url.endswith("/api"):
        base_url += "/api"
        reader.warnings.append(f"{section.name_of('base_url')}: /api was added: {base_url}")
    websocket_url = reader.optional(section, "websocket_url")
    if websocket_url is None and base_url is not None:
        websocket_url = base_url.replace("http", "ws", 1) + "/websocket"
    token = reader.secret(section, "token")
    if base_url is not None and not token.get_secret_value():
        reader.warnings.append(f"{section.name_of('token')} is not set: Home Assistant will refuse")
    ca_file = reader.optional(section, "ca_file")
    if ca_file is not None and not Path(ca_file).is_file():
        reader.problem(section, "ca_file", "must be the path of a file with a certificate")
    return HomeAssistant(
        base_url=base_url,
        ca_file=Path(ca_file) if ca_file else None,
        websocket_url=websocket_url,
        token=token if token.get_secret_value() else None,
        webhook_id=reader.optional(source.section("webhook"), "id"),
    )
