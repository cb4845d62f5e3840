"""How the program knows that Home Assistant's Supervisor runs it, as an add-on ("app")."""

from __future__ import annotations

from pathlib import Path

ADDON_OPTIONS = Path("/data/options.json")
