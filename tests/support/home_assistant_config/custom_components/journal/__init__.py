"""An action that writes a line of JSON to a file, so that what happened outlives a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import voluptuous as vol

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall

DOMAIN = "journal"
CONFIG_SCHEMA = vol.Schema({vol.Optional(DOMAIN): {}}, extra=vol.ALLOW_EXTRA)


async def async_setup(hass: HomeAssistant, _config: dict[str, Any]) -> bool:
    """Offer `journal.write`."""
    path = Path(hass.config.path("journal.jsonl"))

    def write(call: ServiceCall) -> None:
        with path.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(call.data["entry"]) + "\n")

    hass.services.async_register(DOMAIN, "write", write, vol.Schema({vol.Required("entry"): dict}))
    return True
