"""What the user configured, read once into one typed object."""

from __future__ import annotations

from hasip.settings.load import load_settings
from hasip.settings.model import Problem, Settings, SettingsError

__all__ = ["Problem", "Settings", "SettingsError", "load_settings"]
