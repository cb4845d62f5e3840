"""What a measurement works with: a build of pjsua2, a folder, and how thorough it is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.bare import BareProgram
from bench.figure import CannotMeasureError, Figure, figure
from bench.menus import GREETING
from support.gateway import GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.builds import Build
    from support.home_assistant import StandInHomeAssistant

# What users have where they set nothing.
LOG_LEVEL = "5"
# What a quick run is content with, of what a full one takes.
QUICK_SHARE = 5


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where one measurement is taken."""

    build: Build
    folder: Path
    is_quick: bool

    def less(self, many: int) -> int:
        """Return how often to measure: a quick run is content with a fifth."""
        return max(2, many // QUICK_SHARE) if self.is_quick else many

    def shorter(self, seconds: float) -> float:
        """Return how long to wait or watch."""
        return seconds / QUICK_SHARE if self.is_quick else seconds

    def points(self, *all_of: int) -> tuple[int, ...]:
        """Return where to take a curve: a quick run has its ends and one between."""
        return (all_of[0], all_of[-2], all_of[-1]) if self.is_quick else all_of

    @property
    def cache(self) -> str:
        """Return the folder that prompts are cached in."""
        folder = self.folder / "cache"
        folder.mkdir(exist_ok=True)
        return str(folder)

    def gateway(self, **how: Any) -> GatewayProcess:
        """Return the gateway on this build."""
        return GatewayProcess(
            self.folder, python=self.build.python, **{"LOG_LEVEL": LOG_LEVEL, **how}
        )

    def greeter(self, house: StandInHomeAssistant, **how: Any) -> GatewayProcess:
        """Return one that greets who calls in, and runs an action at a 5."""
        return self.gateway(house=house, menu_file=GREETING, CACHE_DIR=self.cache, **how)

    def bare(self, http_port: int = 0, modules: Sequence[str] = ()) -> BareProgram:
        """Return the program that is nothing but pjsua2, on the same build."""
        return BareProgram(self.build.python, http_port, modules)

    def figure(self, key: str, unit: str, values: Sequence[float]) -> Figure:
        """Sum up what was measured."""
        return figure(key, self.build.name, unit, values)

    def beside(self, ours: Figure, key: str, unit: str, values: Sequence[float]) -> Figure:
        """Sum up what a peer took for the same work, for which the ratio is printed."""
        return self.figure(f"  {key}", unit, values).beside(ours)

    def need_room(self, calls: int) -> None:
        """Raise `CannotMeasureError` where the build has no room for so many calls."""
        if self.build.most_calls < calls:
            msg = f"takes {calls} calls, and it has room for {self.build.most_calls}"
            raise CannotMeasureError(msg)

    def need_shipped(self) -> None:
        """Raise `CannotMeasureError` where the build is not the one that is shipped."""
        if not self.build.is_shipped:
            msg = "curves are taken on the build that is shipped"
            raise CannotMeasureError(msg)
