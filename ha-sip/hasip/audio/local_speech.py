"""A voice on this machine, for when Home Assistant or its engine can't speak.

It sounds like a machine, but an alarm that calls must say something when the internet is down.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from hasip.audio.environment import bare_environment
from hasip.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "espeak-ng"
TIMEOUT_S = 20.0
LAST_RESORT_LANGUAGE = "en"
_ENDS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_TEMPLATE = re.compile("|".join(map(re.escape, _ENDS)))


class LocalSpeech:
    """espeak-ng. Waits, so workers call it."""

    def fetch(self, text: str, language: str, target: Path) -> None:
        """Write the audio of a text to `target`; raises `AudioError`."""
        reason = ""
        for voice in _voices(language):
            try:
                done = subprocess.run(  # noqa: S603 - no shell; the text goes by stdin
                    [PROGRAM, "-v", voice, "-w", str(target), "--stdin"],
                    input=text.encode(),
                    capture_output=True,
                    timeout=TIMEOUT_S,
                    check=False,
                    env=bare_environment(),
                )
            except FileNotFoundError as error:
                msg = f"{PROGRAM} is not installed; install it, or set tts.fallback: none"
                raise AudioError(msg) from error
            except subprocess.TimeoutExpired as error:
                msg = f"{PROGRAM} took longer than {TIMEOUT_S:.0f} s"
                raise AudioError(msg) from error
            if done.returncode == 0 and target.is_file():
                return
            reason = done.stderr.decode("utf-8", "replace").strip()[:200]
        msg = f"{PROGRAM} cannot speak: {reason or 'no reason given'}"
        raise AudioError(msg)


def without_template(text: str) -> str:
    """Return what can be said of a template that Home Assistant could not render."""
    kept, at, seek = [], 0, 0
    endless = set[str]()  # to look for their ends each time would take quadratic time
    while begin := _TEMPLATE.search(text, seek):
        end = -1 if begin[0] in endless else text.find(_ENDS[begin[0]], begin.end())
        if end < 0:
            endless.add(begin[0])
            seek = begin.start() + 1
        else:
            kept.append(text[at : begin.start()])
            at = seek = end + 2
    return " ".join(" ".join([*kept, text[at:]]).split())


def _voices(language: str) -> Iterator[str]:
    """Yield what to try: `en-US` as it is, then `en`, then what is always there."""
    written = language.strip().lower().replace("_", "-")
    tried = (written, written.partition("-")[0], LAST_RESORT_LANGUAGE)
    # A name that began with a dash would be an option.
    yield from dict.fromkeys(voice for voice in tried if re.fullmatch(r"[a-z][a-z0-9-]*", voice))
