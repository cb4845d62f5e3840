"""Home Assistant looks for a flow where there is an entry."""

from __future__ import annotations

from homeassistant.config_entries import ConfigFlow


class EspeakFlow(ConfigFlow, domain="espeak"):
    """Has nothing to ask."""

    VERSION = 1
