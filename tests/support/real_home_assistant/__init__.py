"""A real, headless Home Assistant core."""

from support.real_home_assistant.config import Furniture
from support.real_home_assistant.house import WEBHOOK_ID, RealHomeAssistant
from support.real_home_assistant.release import CURRENT, OLDER, RELEASES, Release
from support.real_home_assistant.require import require

__all__ = [
    "CURRENT",
    "OLDER",
    "RELEASES",
    "WEBHOOK_ID",
    "Furniture",
    "RealHomeAssistant",
    "Release",
    "require",
]
