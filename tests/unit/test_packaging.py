"""The files that Home Assistant's Supervisor and Docker read, against their documentation.

The rules are those of the developers' documentation of Home Assistant: "App configuration".
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import hasip
from hasip.settings import load_settings
from hasip.settings.model import AccountOptions, GlobalOptions
from hasip.settings.sources import ACCOUNT_KEYS, ENVIRONMENT_NAMES
from hasip.watch.keeper import START_WITHIN_S

PROJECT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((PROJECT / "config.yaml").read_text())
PUBLIC_LINE = sorted((PROJECT / "tests" / "addon_options").glob("*.json"))
LANGUAGES = ("en", "de")

# Key -> type, of the keys that we use; a key that is not here is looked up before it is used.
DOCUMENTED = {
    "name": str,
    "version": str,
    "slug": str,
    "description": str,
    "url": str,
    "arch": list,
    "startup": str,
    "boot": str,
    "init": bool,
    "stdin": bool,
    "host_network": bool,
    "homeassistant_api": bool,
    "services": list,
    "map": list,
    "tmpfs": bool,
    "options": dict,
    "schema": dict,
}
FOLDERS = {
    *("homeassistant_config", "app_config", "all_app_configs", "local_apps", "ssl", "backup"),
    *("share", "media", "data"),
}
TYPES = re.compile(
    r"(str|password|int|float)(\((\d+)?,(\d+)?\))?\??|(bool|email|url|port)\??|match\(.*\)\??"
    r"|list\([^|]+(\|[^|]+)*\)\??"
)


def refusal(kind: Any, value: Any, name: str) -> str | None:
    """Tell why the Supervisor would refuse a value, as far as its rules are documented."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return f"{name}: must be a section"
        missing = [
            key
            for key, sub in kind.items()
            if key not in value and not (isinstance(sub, str) and sub.endswith("?"))
        ]
        if missing:
            return f"{name}: {missing} are missing"
        # What is unknown is dropped with a warning; for our own purposes that is a refusal.
        unknown = set(value) - set(kind)
        if unknown:
            return f"{name}: {unknown} are unknown"
        found = (refusal(kind[key], value[key], f"{name}.{key}") for key in value)
        return next((text for text in found if text), None)
    if isinstance(kind, list):
        found = (refusal(kind[0], item, f"{name}[{n}]") for n, item in enumerate(value))
        return next((text for text in found if text), None)
    word = kind.rstrip("?")
    if word.startswith("list("):
        fits = str(value) in word[5:-1].split("|")
    elif word.startswith(("int", "port")):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif word.startswith("float"):
        fits = isinstance(value, int | float)
    elif word == "bool":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str)
    return None if fits else f"{name}: {value!r} is no {kind}"


def test_every_key_of_the_configuration_is_documented_and_of_its_type() -> None:
    for key, value in CONFIG.items():
        assert isinstance(value, DOCUMENTED[key]), key

    assert {"name", "version", "slug", "description", "arch"} <= set(CONFIG)
    assert set(CONFIG["arch"]) == {"aarch64", "amd64"}
    assert CONFIG["startup"] in ("initialize", "system", "services", "application", "once")
    assert all(entry["type"] in FOLDERS for entry in CONFIG["map"])
    assert all(re.fullmatch(r"(mqtt|mysql):(provide|want|need)", s) for s in CONFIG["services"])
    # The add-on of the public line is c7744bff_ha-sip; automations keep all but the first part.
    assert CONFIG["slug"] == "ha-sip"
    assert CONFIG["stdin"]
    assert CONFIG["host_network"]
    assert CONFIG["homeassistant_api"]


def test_every_option_has_a_documented_type() -> None:
    def words(kind: Any) -> list[str]:
        if isinstance(kind, str):
            return [kind]
        values = kind if isinstance(kind, list) else kind.values()
        return [word for value in values for word in words(value)]

    for word in words(CONFIG["schema"]):
        assert TYPES.fullmatch(word), word
    for section in CONFIG["schema"].values():
        for key, word in (section[0] if isinstance(section, list) else section).items():
            if "password" in key:
                assert word.startswith("password")
            if key == "port":
                assert word.startswith("port")


def test_the_default_options_pass_their_own_schema() -> None:
    assert refusal(CONFIG["schema"], CONFIG["options"], "options") is None


def test_the_form_has_every_setting_that_the_program_reads_and_no_other() -> None:
    schema = CONFIG["schema"]
    sections: dict[str, set[str]] = {}
    for section, key in ENVIRONMENT_NAMES:
        sections.setdefault(section, set()).add(key)
    # How it runs, and where Home Assistant is, is the Supervisor's to say.
    del sections["run"], sections["ha"]

    assert {name: set(keys) for name, keys in schema.items() if name in sections} == sections
    for name in ("sip", "sip_2", "sip_3"):
        assert set(schema[name]) == set(ACCOUNT_KEYS)
    assert set(schema["accounts"][0]) == set(ACCOUNT_KEYS)
    assert set(schema) == {*sections, "sip", "sip_2", "sip_3", "accounts"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_has_a_name_and_a_sentence(language: str) -> None:
    told = yaml.safe_load((PROJECT / "translations" / f"{language}.yaml").read_text())

    assert set(told) == {"configuration"}
    assert set(told["configuration"]) == set(CONFIG["schema"])
    for section, kind in CONFIG["schema"].items():
        entry = told["configuration"][section]
        fields = kind[0] if isinstance(kind, list) else kind
        assert set(entry["fields"]) == set(fields), section
        for text in (entry, *entry["fields"].values()):
            assert text["name"]
            assert text["description"].endswith(".")


@pytest.mark.parametrize("path", PUBLIC_LINE, ids=lambda path: path.stem)
def test_options_as_the_public_line_stores_them_load_unchanged(path: Path, tmp_path: Path) -> None:
    stored = json.loads(path.read_text())
    # The Supervisor adds the defaults of whole sections only.
    options = {**CONFIG["options"], **stored}
    assert refusal(CONFIG["schema"], options, path.stem) is None

    target = tmp_path / "options.json"
    target.write_text(json.dumps(options))
    settings = load_settings({"SUPERVISOR_TOKEN": "t"}, tmp_path, target)

    assert not any("unknown" in warning for warning in settings.warnings)
    assert [account.number for account in settings.accounts] == [1, 2]
    assert all(account.problems == () for account in settings.accounts)
    first = settings.accounts[0]
    assert first.settle_time_s == 0.5
    assert str(first.incoming_call_file) == "/config/sip-1-incoming.yaml"
    assert first.password.get_secret_value() == "secure"
    if path.stem == "4.2":
        assert (settings.tts.platform, settings.tts.engine_id) == ("google_translate", None)
    else:
        assert first.options.turn_connection_type == "tcp"
        assert settings.tts.voice == "zephyr"
    if path.stem == "5.6":
        assert settings.sip.options.codecs == ("PCMA", "PCMU")
        assert settings.accounts[1].options.reject_sip_code == 486
        assert settings.sensors.entity_prefix == "ha_sip"


def test_one_version_everywhere() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]

    assert CONFIG["version"] == project == hasip.__version__


def test_no_other_file_looks_like_an_add_on() -> None:
    """The Supervisor takes every config.yaml, .yml or .json in the repository for one."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    names = [path for path in listed if re.fullmatch(r"config\.(ya?ml|json)", Path(path).name)]

    assert names == ["config.yaml"]


@pytest.mark.parametrize(("name", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_pictures_have_their_size(name: str, size: tuple[int, int]) -> None:
    head = (PROJECT / name).read_bytes()[:24]

    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24]) == size


def test_the_example_environment_has_every_variable_with_a_sentence() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    written = [line.partition("=")[0] for line in lines if re.match(r"[A-Z0-9_]+=", line)]
    names = set(written)
    accounts = {f"SIP1_{key.upper()}" for key in ACCOUNT_KEYS}

    assert len(written) == len(names), "a variable stands there twice"
    assert names == {*ENVIRONMENT_NAMES.values(), *accounts}
    for before, line in zip(["", *lines], lines, strict=False):
        if re.match(r"[A-Z0-9_]+=", line):
            assert before.startswith("#"), f"{line} has no sentence"


def test_the_example_environment_has_the_defaults_of_the_program(tmp_path: Path) -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    placeholders = ("SIP1_", "HA_", "TTS_ENGINE_ID")
    kept = [line for line in lines if not line.startswith(placeholders)]
    (tmp_path / ".env").write_text("\n".join(kept))
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    no_options = tmp_path / "options.json"

    assert load_settings({}, tmp_path, no_options) == load_settings({}, nothing, no_options)


def test_the_folder_of_the_compose_file_is_there_before_docker_makes_it_as_root() -> None:
    compose = (PROJECT / "docker-compose.yml").read_text()

    assert "./config:/config" in compose
    assert (PROJECT / "config").is_dir()


def test_the_container_of_the_compose_file_has_the_least_power() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["ha-sip"]

    assert compose["cap_drop"] == ["ALL"]
    assert compose["security_opt"] == ["no-new-privileges:true"]
    assert compose["read_only"] is True
    assert compose["user"] == "${UID:-1000}:${GID:-1000}"
    assert (compose["tmpfs"], compose["volumes"]) == ("/tmp", ["./config:/config"])
    assert compose["environment"]["FILE_FOLDERS"] == "${FILE_FOLDERS:-/config}"
    assert not set(compose) & {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"}


def test_the_app_asks_for_no_more_than_it_uses() -> None:
    more = {
        "privileged",
        "full_access",
        "host_pid",
        "host_ipc",
        "host_dbus",
        "docker_api",
        "devices",
    }
    more |= {"hassio_api", "auth_api", "kernel_modules", "udev", "usb", "gpio", "uart", "video"}

    assert not set(CONFIG) & more
    assert CONFIG.get("apparmor", True) is True
    assert (PROJECT / "apparmor.txt").read_text().count(f"profile {CONFIG['slug']} ") == 1
    folders = {entry["type"]: entry.get("read_only", True) for entry in CONFIG["map"]}
    assert folders == {
        "homeassistant_config": False,
        "media": False,
        "share": False,
        "ssl": True,
    }


def test_holes_are_reported_to_the_projects_own_page() -> None:
    security = (PROJECT / "SECURITY.md").read_text()

    assert f"]({CONFIG['url']}/security/advisories/new)" in security
    assert set(re.findall(r"https://[^/]+/[^/]+/[^/)]+", security)) == {CONFIG["url"]}


def test_the_tests_in_ci_may_make_networks() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "checks.yml").read_text())

    assert "--privileged" in workflow["jobs"]["check-and-test"]["container"]["options"]


def test_every_option_is_documented() -> None:
    page = (PROJECT / "docs" / "options.md").read_text()
    listed = re.findall(r"`(--[a-z0-9-]+)`", re.sub(r"(?m)^[^|].*$", "", page))
    assert len(listed) == len(set(listed)), "an option stands there twice"
    missing = [
        name
        for kind in (GlobalOptions, AccountOptions)
        for name in (f"--{field.replace('_', '-')}" for field in kind.__dataclass_fields__)
        if f"`{name}`" not in page
    ]

    assert missing == []


def test_the_image_gives_a_start_as_long_as_the_parent_does() -> None:
    """What ends a container that is not well must not end one that is just starting."""
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")

    assert f" --start-period={START_WITHIN_S:.0f}s " in dockerfile
