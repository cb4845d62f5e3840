"""Writes the configuration folder of a Home Assistant that is about to start for the first time."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.real_home_assistant.release import CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Would set up integrations that want the internet.
STEPS_LEFT_OUT = ["core_config", "analytics", "integration"]


@dataclass(frozen=True, kw_only=True)
class Furniture:
    """What a house has beside the things in `home_assistant_config`."""

    mqtt_port: int | None = None  # of a broker on 127.0.0.1 without passwords
    wyoming_port: int | None = None  # of a speech engine on 127.0.0.1
    certificate: Path | None = None  # with its key in the same file; served by TLS then
    packages: Mapping[str, Any] = field(default_factory=dict)  # name -> configuration
    blueprints: Path | None = None  # a folder of automation blueprints, found under `ha_sip/`


def write_config(folder: Path, port: int, furniture: Furniture) -> None:
    """Write everything that Home Assistant reads at its start."""
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("requirements*", "__pycache__"))
    http: dict[str, Any] = {"server_host": "127.0.0.1", "server_port": port}
    if furniture.certificate is not None:
        http["ssl_certificate"] = http["ssl_key"] = str(furniture.certificate)
    _write_yaml(folder / "http.yaml", http)
    for name, package in furniture.packages.items():
        _write_yaml(folder / "packages" / f"{name}.yaml", package)
    if furniture.blueprints is not None:
        shutil.copytree(furniture.blueprints, folder / "blueprints" / "automation" / "ha_sip")
    entries = [_entry("espeak", {})]
    if furniture.mqtt_port is not None:
        entries.append(_entry("mqtt", {"broker": "127.0.0.1", "port": furniture.mqtt_port}))
    if furniture.wyoming_port is not None:
        entries.append(_entry("wyoming", {"host": "127.0.0.1", "port": furniture.wyoming_port}))
    _store(folder, "core.config_entries", {"entries": entries}, version=1)
    _store(folder, "onboarding", {"done": STEPS_LEFT_OUT}, version=4)


def _entry(domain: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a set-up integration, in the form that every version can migrate."""
    return {
        "entry_id": uuid.uuid4().hex,
        "version": 1,
        "domain": domain,
        "title": domain,
        "data": data,
        "options": {},
        "source": "user",
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "unique_id": None,
        "disabled_by": None,
    }


def _store(folder: Path, key: str, data: Any, version: int) -> None:
    path = folder / ".storage" / key
    path.parent.mkdir(exist_ok=True)
    document = {"version": version, "minor_version": 1, "key": key, "data": data}
    path.write_text(json.dumps(document), encoding="utf-8")


def _write_yaml(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
