"""What the doctor says: a line a step, at once, with a verdict and what to do."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from hasip.errors import HaSipError
from hasip.log import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Verdict(StrEnum):
    """How a step went."""

    OK = "ok"
    WARN = "warn"  # it works, or may work, but look at it
    FAIL = "FAIL"


class TooSlowError(HaSipError):
    """A step took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing came back within {seconds:.0f} s")


class Report:
    """Prints, and counts what failed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.failures = 0
        self.warnings = 0

    def about(self, text: str) -> None:
        """Begin with another subject."""
        self._say(f"\n{text}")

    def ok(self, step: str, text: str) -> None:
        """Say that a step worked."""
        self._line(Verdict.OK, step, text)

    def warn(self, step: str, text: str, hint: str) -> None:
        """Say that a step worked, but that something may be wrong."""
        self.warnings += 1
        self._line(Verdict.WARN, step, f"{text}; {hint}")

    def fail(self, step: str, text: str, hint: str) -> None:
        """Say that a step failed, and what to change."""
        self.failures += 1
        self._line(Verdict.FAIL, step, f"{text}; {hint}")

    def close(self) -> None:
        """Say what it came to."""
        failed = f"{self.failures} steps failed" if self.failures != 1 else "1 step failed"
        self._say(f"\n{failed}, {self.warnings} to look at")

    def _line(self, verdict: Verdict, step: str, text: str) -> None:
        self._say(f"  {verdict:4}  {step}: {one_line(' '.join(text.split()))}")


def within(seconds: float, job: Callable[[], T]) -> T:
    """Return what a job returns, or raise what it raises; `TooSlowError` when the time is over."""
    values: list[T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            values.append(job())
        except Exception as error:  # given to who asked
            errors.append(error)

    thread = threading.Thread(target=work, name="doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not values:
        raise TooSlowError(seconds)
    return values[0]
