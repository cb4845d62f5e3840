"""ha-sip: a SIP gateway for Home Assistant."""

from __future__ import annotations

__version__ = "0.1.0"
