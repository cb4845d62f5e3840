"""The menus of the benchmarks."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEXT = "Hello there"
NOTHING: Mapping[str, object] = MappingProxyType({})

# What is said to who calls in, and what a digit does. Spoken once and kept, as in a house: what
# ffmpeg costs with every call is not what a call costs.
GREETING = {
    "menu": {
        "message": TEXT,
        "cache_audio": True,
        "choices": {"5": {"action": {"domain": "d", "service": "s"}, "post_action": "return"}},
    }
}
# Of a dial, as automations with a whole menu send it: 2 kB.
LARGE = {
    "message": "Somebody is at the door. " * 8,
    "cache_audio": True,
    "choices": {
        str(digit): {
            "id": f"choice_{digit}",
            "message": "You have chosen this. " * 4,
            "cache_audio": True,
            "action": {"domain": "switch", "service": "turn_on", "entity_id": f"switch.s{digit}"},
            "post_action": "return",
        }
        for digit in range(9)
    },
}


def codes(count: int, *, are_pins: bool = False) -> dict[str, object]:
    """Return a menu with so many codes, all of one length."""
    choice = {"action": {"domain": "d", "service": "s"}, "post_action": "return"}
    return {
        "choices_are_pin": are_pins,
        "choices": {f"{code:05}": dict(choice) for code in range(count)},
    }


def write(path: Path, menu: Mapping[str, object]) -> Path:
    """Write a menu file."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump({"menu": menu}, Dumper=dumper), encoding="utf-8")
    return path
