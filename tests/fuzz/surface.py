"""What is common to all surfaces: where input gets in, how one is made, how it is sent."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    from support.gateway import GatewayProcess
    from support.home_assistant import StandInHomeAssistant

Pieces = tuple[bytes, ...]


class Surface(ABC):
    """A place where input gets in."""

    name: ClassVar[str]
    # What is known to grow at first does so for as long; a long run begins with that at least.
    warm_up_s: ClassVar[float] = 0.0
    menu_file: ClassVar[dict[str, Any]] = {"menu": {"timeout": 300}}

    def __init__(self, folder: Path) -> None:
        """Keep files in `folder`."""
        self.folder = folder
        self.house: StandInHomeAssistant | None = None

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:  # noqa: ARG002
        """Start what the gateway will talk to; return settings for the gateway."""
        return {}

    @abstractmethod
    def make(self, rng: random.Random) -> Pieces:
        """Return an input; only `rng` decides what it is."""

    @abstractmethod
    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        """Have the gateway read it."""

    def rest(self, gateway: GatewayProcess) -> None:  # noqa: B027 - most have none
        """End what is up, before it is looked at what stays."""

    def input(self, seed: int, number: int) -> Pieces:
        """Return the input of that number, always the same."""
        return self.make(random.Random(f"{seed}/{self.name}/{number}"))
