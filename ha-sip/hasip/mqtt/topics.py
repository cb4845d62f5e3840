"""The names on the broker. All but the two of the settings carry the instance's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hasip.settings.model import Mqtt

ROOT = "hasip"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where one gateway listens and speaks."""

    settings: Mqtt

    @property
    def base(self) -> str:
        """Return what the names of this gateway begin with."""
        return f"{ROOT}/{self.settings.instance}"

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the topic of all gateways, then the one of this."""
        return tuple(dict.fromkeys((self.settings.topic, f"{self.base}/execute")))

    @property
    def results(self) -> str:
        """Return where answers to commands go."""
        return f"{self.base}/result"

    @property
    def availability(self) -> str:
        """Return where it says whether the gateway is there."""
        return f"{self.base}/availability"
